import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyMatch } from './authorization.ts'
import { compilePolicies } from './compile.ts'
import type { AuthorizationPolicy, PeerAuthentication, PolicyDocument, Source } from './documents.ts'
import { peerAuthenticationOf } from './strict.ts'
import { policyDocument } from './testing/documents.ts'

describe('an AuthorizationPolicy', () => {
  it('keeps its rules in order, each with a clause for what it says', () => {
    const cart = { kind: 'exact', value: 'cluster.local/ns/shop/sa/cart' } as const
    const { authorizations } = compilePolicies([
      policy('backend', {
        action: 'Deny',
        rules: [
          { from: [{ ...anySource, principals: [cart] }], to: [{ ports: [80], notPorts: [] }] },
          { from: [], to: [{ ports: [], notPorts: [22] }] },
          { from: [], to: [] },
        ],
      }),
    ])
    expect(authorizations.get('shop/backend')).toEqual({
      key: 'shop/backend',
      name: 'backend',
      namespace: 'shop',
      scope: 'namespace',
      action: 'deny',
      dryRun: false,
      rules: [
        {
          clauses: [
            { matches: [{ ...emptyMatch, principals: [cart] }] },
            { matches: [{ ...emptyMatch, destinationPorts: [80] }] },
          ],
        },
        { clauses: [{ matches: [{ ...emptyMatch, notDestinationPorts: [22] }] }] },
        { clauses: [] },
      ],
    })
  })

  it.each<[string, Partial<AuthorizationPolicy>, string]>([
    ['in the root namespace', { namespace: 'weft-system' }, 'global'],
    ['in another namespace', {}, 'namespace'],
    ['with a selector', { selector: { app: 'a' } }, 'workload'],
    [
      'with a selector in the root namespace',
      { namespace: 'weft-system', selector: { app: 'a' } },
      'workload',
    ],
  ])('%s', (_, fields, scope) => {
    const [compiled] = compilePolicies([policy('a', fields)]).authorizations.values()
    expect(compiled?.scope).toBe(scope)
  })

  const exact = { kind: 'exact', value: 'x' } as const
  const account = { namespace: 'shop', serviceAccount: 'x' }
  it.each<[string, Partial<Source>, boolean]>([
    ['notPrincipals', { notPrincipals: [exact] }, true],
    ['notNamespaces', { notNamespaces: [exact] }, true],
    ['notServiceAccounts', { notServiceAccounts: [account] }, true],
    ['notPrincipals and ipBlocks', { notPrincipals: [exact], ipBlocks: [] }, true],
    ['notPrincipals and namespaces', { notPrincipals: [exact], namespaces: [exact] }, false],
    ['notNamespaces and serviceAccounts', { notNamespaces: [exact], serviceAccounts: [account] }, false],
    ['principals', { principals: [exact] }, false],
    ['nothing about identity', {}, false],
  ])('of Allow with %s demands an identity beside: %#', (_, fields, demanded) => {
    const rules = [{ from: [{ ...anySource, ...fields }], to: [] }]
    const presence = [{ kind: 'presence' }]
    const principalsOf = (action: 'Allow' | 'Deny') =>
      compilePolicies([policy('a', { action, rules })]).authorizations.get('shop/a')?.rules[0]?.clauses[0]
        ?.matches[0]?.principals
    expect(principalsOf('Allow')).toEqual(demanded ? presence : (fields.principals ?? []))
    expect(principalsOf('Deny')).toEqual(fields.principals ?? [])
  })
})

describe('a PeerAuthentication', () => {
  it.each<[string, Partial<PeerAuthentication>, object | undefined]>([
    ['strict', {}, {}],
    [
      'strict but for ports',
      { ports: ports({ 90: 'Permissive', 80: 'Permissive', 70: 'Strict' }) },
      { notDestinationPorts: [80, 90] },
    ],
    ['permissive', { mode: 'Permissive' }, undefined],
    [
      'permissive but for ports',
      { mode: 'Permissive', ports: ports({ 80: 'Strict', 90: 'Permissive' }) },
      { destinationPorts: [80] },
    ],
    ['permissive throughout', { mode: 'Permissive', ports: ports({ 80: 'Permissive' }) }, undefined],
  ])('that is %s', (_, fields, demand) => {
    const { authorizations } = compilePolicies([peer('default', fields)])
    const match = { ...emptyMatch, notPrincipals: [{ kind: 'presence' }], ...demand }
    expect(authorizations.get('shop/peer_authentication_default')).toEqual(
      demand && {
        key: 'shop/peer_authentication_default',
        name: 'peer_authentication_default',
        namespace: 'shop',
        scope: 'workload',
        action: 'deny',
        dryRun: false,
        rules: [{ clauses: [{ matches: [match] }] }],
      },
    )
  })

  it('is known again by its key', () => {
    expect(peerAuthenticationOf('shop/peer_authentication_default')).toBe('shop/default')
    expect(peerAuthenticationOf('shop/backend')).toBeUndefined()
    expect(peerAuthenticationOf('peer_authentication_x/backend')).toBeUndefined()
  })
})

describe('policiesFor', () => {
  const backend = { namespace: 'shop', labels: { app: 'backend', version: 'v1' } }

  it.each<[string, PolicyDocument[], string[]]>([
    ['nothing from nothing', [], []],
    [
      'all that hold, sorted',
      [policy('z'), policy('a'), policy('m', { namespace: 'weft-system' })],
      ['shop/a', 'shop/z', 'weft-system/m'],
    ],
    ['no other namespace', [policy('a', { namespace: 'pay' })], []],
    [
      'what selects it',
      [policy('a', { selector: { app: 'backend' } }), policy('b', { selector: { app: 'cart' } })],
      ['shop/a'],
    ],
    ['only what selects it with every label', [policy('a', { selector: { app: 'backend', tier: 'x' } })], []],
    [
      'the effective strict one only',
      [peer('a'), peer('b', { selector: { app: 'backend' } })],
      ['shop/peer_authentication_b'],
    ],
    [
      'none when the effective one is permissive',
      [peer('a'), peer('b', { selector: { app: 'backend' }, mode: 'Permissive' })],
      [],
    ],
    [
      'the namespace over the mesh',
      [peer('a', { namespace: 'weft-system' }), peer('b')],
      ['shop/peer_authentication_b'],
    ],
    [
      'the mesh where nothing is nearer',
      [peer('a', { namespace: 'weft-system' })],
      ['weft-system/peer_authentication_a'],
    ],
    ['the first by name among equals', [peer('b'), peer('a'), peer('c')], ['shop/peer_authentication_a']],
    [
      'its own namespace over the root when both select it',
      [
        peer('a', { namespace: 'weft-system', selector: { app: 'backend' } }),
        peer('b', { selector: { version: 'v1' } }),
      ],
      ['shop/peer_authentication_b'],
    ],
    [
      'a selector of the root over a whole namespace',
      [peer('a', { namespace: 'weft-system', selector: { app: 'backend' } }), peer('b')],
      ['weft-system/peer_authentication_a'],
    ],
    ['one document of two with one name', [policy('a', { selector: { app: 'cart' } }), policy('a')], []],
    ['both kinds under one name', [policy('a'), peer('a')], ['shop/a', 'shop/peer_authentication_a']],
  ])('lists %s', (_, documents, names) => {
    expect(compilePolicies(documents).policiesFor(backend)).toEqual(names)
  })

  it('holds a selector of ten thousand labels against nobody who lacks one, in no time', () => {
    const huge = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`label-${i}`, 'x']))
    const documents = Array.from({ length: 5 }, (_, i) => policy(`huge-${i}`, { selector: huge }))
    const began = performance.now()
    const { policiesFor } = compilePolicies([...documents, policy('a')])
    const { 'label-9999': _, ...lacking } = huge
    expect(policiesFor({ ...backend, labels: lacking })).toEqual(['shop/a'])
    expect(policiesFor({ ...backend, labels: huge })).toHaveLength(6)
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  it('counts the root namespace once for its own workloads', () => {
    const { policiesFor } = compilePolicies([policy('a', { namespace: 'weft-system' })])
    expect(policiesFor({ namespace: 'weft-system', labels: {} })).toEqual(['weft-system/a'])
  })

  it('takes another root namespace', () => {
    const { policiesFor, authorizations } = compilePolicies([policy('a', { namespace: 'root' })], 'root')
    expect(policiesFor(backend)).toEqual(['root/a'])
    expect(authorizations.get('root/a')?.scope).toBe('global')
  })

  it('lists what is compiled, whatever the documents and their order', () => {
    fc.assert(
      fc.property(fc.array(policyDocument, { maxLength: 6 }), (documents) => {
        const { policiesFor, authorizations } = compilePolicies(documents)
        const distinct = new Set(documents.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`))
        const unambiguous = distinct.size === documents.length
        for (const { namespace, selector } of documents) {
          const workload = { namespace, labels: selector ?? {} }
          const names = policiesFor(workload)
          expect(names.every((name) => authorizations.has(name))).toBe(true)
          expect(names.filter((name) => peerAuthenticationOf(name)).length).toBeLessThanOrEqual(1)
          if (unambiguous)
            expect(compilePolicies(documents.toReversed()).policiesFor(workload)).toEqual(names)
        }
      }),
    )
  })
})

const anySource: Source = {
  principals: [],
  notPrincipals: [],
  namespaces: [],
  notNamespaces: [],
  serviceAccounts: [],
  notServiceAccounts: [],
  ipBlocks: [],
  notIpBlocks: [],
}

function policy(name: string, fields: Partial<AuthorizationPolicy> = {}): AuthorizationPolicy {
  return {
    kind: 'AuthorizationPolicy',
    name,
    namespace: 'shop',
    selector: undefined,
    action: 'Allow',
    dryRun: false,
    rules: [],
    ...fields,
  }
}

function peer(name: string, fields: Partial<PeerAuthentication> = {}): PeerAuthentication {
  return {
    kind: 'PeerAuthentication',
    name,
    namespace: 'shop',
    selector: undefined,
    mode: 'Strict',
    ports: new Map(),
    ...fields,
  }
}

function ports(modes: Record<number, 'Strict' | 'Permissive'>): PeerAuthentication['ports'] {
  return new Map(Object.entries(modes).map(([port, mode]) => [Number(port), mode]))
}
