import { describe, expect, test } from 'vitest'
import type { PolicyObject } from '../objects/policy.ts'
import { inForce, PolicyKeeper } from './policies.ts'

function policy(spec: unknown, parts: Partial<PolicyObject> = {}): PolicyObject {
  return {
    kind: 'AuthorizationPolicy',
    namespace: 'shop',
    name: 'cart',
    uid: 'first',
    resourceVersion: '1',
    generation: 1,
    conditions: [],
    workloads: undefined,
    spec,
    ...parts,
  }
}

const allowCart = {
  selector: { matchLabels: { app: 'cart' } },
  rules: [{ from: [{ namespaces: ['shop'] }] }],
}

describe('a policy', () => {
  test('is the document that a registry file would hold', () => {
    expect(inForce(new PolicyKeeper().take([policy(allowCart)]))).toMatchObject([
      {
        kind: 'AuthorizationPolicy',
        namespace: 'shop',
        name: 'cart',
        action: 'Allow',
        selector: { app: 'cart' },
      },
    ])
    const strict = policy({ mode: 'Strict', ports: { '8080': 'Permissive' } }, { kind: 'PeerAuthentication' })
    expect(inForce(new PolicyKeeper().take([strict]))).toMatchObject([
      {
        kind: 'PeerAuthentication',
        mode: 'Strict',
        selector: undefined,
        ports: new Map([[8080, 'Permissive']]),
      },
    ])
  })

  test('cannot say that it is another one', () => {
    const [document] = inForce(
      new PolicyKeeper().take([policy({ kind: 'PeerAuthentication', namespace: 'weft-system' })]),
    )
    expect(document).toMatchObject({ kind: 'AuthorizationPolicy', namespace: 'shop', name: 'cart' })
  })

  test('that is refused keeps the version before it in force, and says where it is wrong', () => {
    const keeper = new PolicyKeeper()
    const before = inForce(keeper.take([policy(allowCart)]))
    const bad = policy({ ...allowCart, action: 'Audit' }, { generation: 2 })
    for (let i = 0; i < 2; i++) {
      const judged = keeper.take([bad])
      expect(judged.get(bad)).toMatchObject({
        kind: 'refused',
        problems: [expect.stringMatching(/^spec\.action cannot be Audit/)],
      })
      expect(inForce(judged)).toEqual(before)
    }
    const again = policy({ ...allowCart, dryRun: true }, { generation: 3 })
    expect(inForce(keeper.take([again]))).toMatchObject([{ dryRun: true }])
  })

  test.each([
    ['an Allow admits nobody', { rules: 'all' }, { action: 'Allow', rules: [] }],
    ['a Deny denies everybody', { action: 'Deny', rules: 'all' }, { action: 'Deny', rules: [{}] }],
    ['an action that nobody knows denies everybody', { action: 'Audit' }, { action: 'Deny' }],
    ['what is no policy at all admits nobody', 'nonsense', { action: 'Allow', rules: [] }],
  ])('that never was good closes what it selects: %s', (_, spec, expected) => {
    const selector = { matchLabels: { app: 'cart' } }
    const bad = policy(typeof spec === 'string' ? spec : { selector, ...spec })
    const [document] = inForce(new PolicyKeeper().take([bad]))
    const selected = typeof spec === 'string' ? undefined : { app: 'cart' }
    expect(document).toMatchObject({ namespace: 'shop', name: 'cart', selector: selected, ...expected })
  })

  test('that never was good closes its namespace where its selector cannot be read', () => {
    const bad = policy({ selector: { matchLabels: { app: 7 } }, rules: 'all' })
    expect(inForce(new PolicyKeeper().take([bad]))).toMatchObject([{ selector: undefined, rules: [] }])
  })

  test('a PeerAuthentication that never was good is strict', () => {
    const bad = policy({ mode: 'Strickt' }, { kind: 'PeerAuthentication' })
    expect(inForce(new PolicyKeeper().take([bad]))).toMatchObject([{ mode: 'Strict' }])
  })

  test('a dry run that never was good does nothing', () => {
    expect(inForce(new PolicyKeeper().take([policy({ dryRun: true, rules: 'all' })]))).toEqual([])
  })

  test('made anew under its name does not have the version before', () => {
    const keeper = new PolicyKeeper()
    keeper.take([policy(allowCart)])
    expect(inForce(keeper.take([policy({ rules: 'all' }, { uid: 'second' })]))).toMatchObject([{ rules: [] }])
  })

  test('that is gone is forgotten', () => {
    const keeper = new PolicyKeeper()
    keeper.take([policy(allowCart)])
    expect(inForce(keeper.take([]))).toEqual([])
    expect(inForce(keeper.take([policy({ rules: 'all' }, { generation: 2 })]))).toMatchObject([{ rules: [] }])
  })

  test.each([
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, /spec\.selector/],
    [
      { matchLabels: { app: 'cart' }, matchExpressions: [] },
      /spec\.selector\.matchExpressions cannot be used/,
    ],
    [{ matchLabels: { app: 'no label' } }, /spec\.selector\.matchLabels\.app "no label" is no label value/],
    [{}, /spec\.selector/],
  ])('whose selector is %j is refused', (selector, message) => {
    const object = policy({ ...allowCart, selector })
    const judgement = new PolicyKeeper().take([object]).get(object)
    expect(judgement).toMatchObject({ kind: 'refused', problems: [expect.stringMatching(message)] })
  })
})
