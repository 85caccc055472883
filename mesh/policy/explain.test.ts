import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseSocketAddress } from '../address.ts'
import { spiffeId } from '../spiffe-id.ts'
import { suggestChanges } from './changes.ts'
import type { ConnectionFacts } from './decision.ts'
import { evaluate, workloadPolicies } from './evaluate.ts'
import { describeDenial, explainDecision } from './explain.ts'
import { facts, named } from './testing/arbitraries.ts'
import { holding } from './testing/holding.ts'

const frontend: ConnectionFacts = {
  peer: spiffeId('cluster.local', 'shop', 'frontend')!,
  sourceIp: parseIp('10.77.0.11')!,
  destination: parseSocketAddress('10.77.0.12:8080')!,
}
const plaintext: ConnectionFacts = { ...frontend, peer: undefined }

describe('a connection that no Allow admits', () => {
  it('names the identity that is missing', () => {
    const policies = holding(
      '{ kind: AuthorizationPolicy, name: backend, namespace: shop, rules: [{ from: [{ serviceAccounts: [cart], namespaces: [shop] }] }] }',
    )
    expect(explainDecision(frontend, policies)).toMatchObject({
      allowed: false,
      by: undefined,
      sentence:
        'cluster.local/ns/shop/sa/frontend may not connect to 10.77.0.12:8080: no rule of AuthorizationPolicy shop/backend allows it',
      suggestions: [
        'add shop/frontend to serviceAccounts in rule 0 of AuthorizationPolicy shop/backend',
        'add a rule to AuthorizationPolicy shop/backend: from principals [cluster.local/ns/shop/sa/frontend] to ports [8080]',
      ],
    })
  })

  it('prefers the rule that needs the fewest edits, and names each', () => {
    const policies = holding(`{ kind: AuthorizationPolicy, name: backend, namespace: shop, rules: [
      { from: [{ principals: [cluster.local/ns/shop/sa/cart], ipBlocks: [192.0.2.0/24] }], to: [{ ports: [80] }] },
      { from: [{ notPrincipals: [cluster.local/ns/shop/sa/frontend] }], to: [{ ports: [80] }] }] }`)
    expect(explainDecision(frontend, policies).suggestions[0]).toBe(
      'remove cluster.local/ns/shop/sa/frontend from notPrincipals and add 8080 to ports in rule 1 of AuthorizationPolicy shop/backend',
    )
  })

  it('sends a source without identity into the mesh', () => {
    const policies = holding(
      "{ kind: AuthorizationPolicy, name: backend, namespace: shop, rules: [{ from: [{ principals: ['*'] }] }] }",
    )
    expect(explainDecision(plaintext, policies)).toMatchObject({
      sentence:
        '10.77.0.11 without an identity may not connect to 10.77.0.12:8080: no rule of AuthorizationPolicy shop/backend allows it',
      suggestions: [
        'bring the source into the mesh, so that it connects with an identity',
        'add a rule to AuthorizationPolicy shop/backend: from ipBlocks [10.77.0.11] to ports [8080]',
      ],
    })
  })

  it('knows that a dry-run Allow would admit it', () => {
    const policies = holding(`
      { kind: AuthorizationPolicy, name: a, namespace: shop },
      { kind: AuthorizationPolicy, name: b, namespace: shop, dryRun: true, rules: [{}] },
      { kind: AuthorizationPolicy, name: c, namespace: shop, dryRun: true }`)
    expect(explainDecision(frontend, policies).suggestions).toEqual([
      'add a rule to AuthorizationPolicy shop/a: from principals [cluster.local/ns/shop/sa/frontend] to ports [8080]',
      'set dryRun: false in AuthorizationPolicy shop/b',
    ])
  })
})

describe('a connection that a Deny refuses', () => {
  it('names the rule and what spares the connection from it', () => {
    const policies = holding(
      '{ kind: AuthorizationPolicy, name: backend, namespace: shop, action: Deny, rules: [{ to: [{ ports: [22] }] }, {}] }',
    )
    expect(explainDecision(frontend, policies)).toMatchObject({
      allowed: false,
      by: { policy: 'shop/backend', rule: 1 },
      sentence:
        'cluster.local/ns/shop/sa/frontend may not connect to 10.77.0.12:8080: rule 1 of AuthorizationPolicy shop/backend denies it',
      suggestions: [
        'add cluster.local/ns/shop/sa/frontend to notPrincipals in rule 1 of AuthorizationPolicy shop/backend',
        'add 8080 to notPorts in rule 1 of AuthorizationPolicy shop/backend, which spares every source at that port',
        'remove rule 1 of AuthorizationPolicy shop/backend',
      ],
    })
  })

  it('says what stands in the way after that', () => {
    const policies = holding(`
      { kind: AuthorizationPolicy, name: a, namespace: shop, action: Deny, rules: [{}] },
      { kind: AuthorizationPolicy, name: b, namespace: shop }`)
    expect(explainDecision(plaintext, policies).suggestions).toContain(
      'add 10.77.0.11 to notIpBlocks in rule 0 of AuthorizationPolicy shop/a; after that, no rule of AuthorizationPolicy shop/b allows it',
    )
  })

  it('speaks of the PeerAuthentication that was written, not of the resource it became', () => {
    const policies = holding('{ kind: PeerAuthentication, name: default, namespace: shop, mode: Strict }')
    expect(explainDecision(plaintext, policies)).toMatchObject({
      sentence:
        '10.77.0.11 without an identity may not connect to 10.77.0.12:8080: PeerAuthentication shop/default is strict there and the peer proved no identity',
      suggestions: [
        'bring the source into the mesh, so that it connects with an identity',
        'write ports: { 8080: Permissive } in PeerAuthentication shop/default',
      ],
    })
  })
})

describe('a connection that is allowed', () => {
  it('names the rule, what would refuse it, and the dry runs', () => {
    const policies = holding(`
      { kind: AuthorizationPolicy, name: a, namespace: shop, rules: [{ from: [{ namespaces: [shop] }] }] },
      { kind: AuthorizationPolicy, name: b, namespace: shop, action: Deny, dryRun: true, rules: [{}] }`)
    expect(explainDecision(frontend, policies)).toMatchObject({
      allowed: true,
      by: { policy: 'shop/a', rule: 0 },
      sentence:
        'cluster.local/ns/shop/sa/frontend may connect to 10.77.0.12:8080: rule 0 of AuthorizationPolicy shop/a allows it',
      wouldDeny: ['rule 0 of AuthorizationPolicy shop/b denies it'],
      suggestions: [
        'remove rule 0 of AuthorizationPolicy shop/a',
        'set dryRun: false in AuthorizationPolicy shop/b',
        'write a Deny AuthorizationPolicy that selects the workload, from principals [cluster.local/ns/shop/sa/frontend]',
      ],
    })
  })

  it('says that nothing forbids it where nothing does', () => {
    expect(explainDecision(plaintext, holding(''))).toMatchObject({
      sentence:
        '10.77.0.11 without an identity may connect to 10.77.0.12:8080: no Allow policy holds on the workload',
      suggestions: ['write a Deny AuthorizationPolicy that selects the workload, from ipBlocks [10.77.0.11]'],
    })
  })
})

describe('a policy that has not arrived', () => {
  it('is named, with where to look', () => {
    const explanation = explainDecision(frontend, workloadPolicies(['shop/late'], new Map()))
    expect(explanation.sentence).toContain(
      'AuthorizationPolicy shop/late holds on the workload and has not arrived there',
    )
    expect(explanation.suggestions).toEqual([
      'look whether the control plane is up and has sent the policy: weft proxy config shows what arrived',
    ])
  })
})

describe('describeDenial', () => {
  it('stays short, however many policies hold', () => {
    const policies = ['shop/a', 'shop/b', 'shop/c', 'shop/d', 'shop/e']
    expect(describeDenial({ kind: 'no_allow_matched', policies })).toBe(
      'no rule of AuthorizationPolicy shop/a, AuthorizationPolicy shop/b, AuthorizationPolicy shop/c and 2 more allows it',
    )
  })
})

describe('a workload of thousands of policies', () => {
  it('is explained with the few nearest changes, and soon', () => {
    const written = Array.from({ length: 3_000 }, (_, n) => {
      const ports = n === 2_000 ? '[8080]' : '[1]'
      return `{ kind: AuthorizationPolicy, name: p${n}, namespace: shop, rules: [{ from: [{ serviceAccounts: [a${n}] }], to: [{ ports: ${ports} }] }] }`
    })
    const policies = holding(written.join(','))
    const before = process.cpuUsage()
    const { suggestions } = explainDecision(frontend, policies)
    const { user, system } = process.cpuUsage(before)
    expect(suggestions).toHaveLength(6)
    expect(suggestions[0]).toBe(
      'add shop/frontend to serviceAccounts in rule 0 of AuthorizationPolicy shop/p2000',
    )
    expect((user + system) / 1_000).toBeLessThan(5_000)
  })
})

describe('for any policies and any connection', () => {
  it('decides as evaluate does, and has something to suggest', () => {
    fc.assert(
      fc.property(facts, named, (connection, { names, authorizations }) => {
        const policies = workloadPolicies(names, authorizations)
        const explanation = explainDecision(connection, policies)
        expect(explanation.decision).toEqual(evaluate(connection, policies))
        expect(explanation.suggestions.length).toBeGreaterThan(0)
      }),
      { numRuns: 2000 },
    )
  })

  it('suggests only what changes the answer or takes its reason away', () => {
    fc.assert(
      fc.property(facts, named, (connection, { names, authorizations }) => {
        const policies = workloadPolicies(names, authorizations)
        const before = evaluate(connection, policies)
        const { suggestions } = explainDecision(connection, policies)
        for (const change of suggestChanges(before, connection, policies)) {
          const after = evaluate(connection, change.policies)
          if (suggestions.includes(change.text)) expect(after.kind).not.toBe(before.kind)
          else if (before.kind === 'denial' && suggestions.some((text) => text.startsWith(change.text)))
            expect(after).not.toEqual(before)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
