import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseSocketAddress } from '../address.ts'
import { spiffeId } from '../spiffe-id.ts'
import { type Authorization, emptyMatch, type Match, type Rule } from './authorization.ts'
import type { ConnectionFacts } from './decision.ts'
import { evaluate, workloadPolicies } from './evaluate.ts'
import { facts, named } from './testing/arbitraries.ts'
import { modelDecides, modelDecidesEnforcingAll } from './testing/model.ts'

// What YAML cannot say, or another control plane may send. The rest is in the decision table of docs/policy.md.

const frontend: ConnectionFacts = {
  peer: spiffeId('cluster.local', 'shop', 'frontend')!,
  sourceIp: parseIp('10.77.0.11')!,
  destination: parseSocketAddress('10.77.0.12:8080')!,
}
const plaintext: ConnectionFacts = { ...frontend, peer: undefined }

describe('a policy that the workload names and that has not arrived', () => {
  it('denies ahead of everything else', () => {
    const allow = policy('allow', [everybody])
    const deny = { ...policy('deny', [everybody]), key: 'shop/deny' }
    const holding = workloadPolicies(['shop/allow', 'shop/deny', 'shop/late'], mapped(allow, deny))
    expect(evaluate(frontend, holding)).toEqual({
      kind: 'denial',
      reason: { kind: 'policy_missing', policy: 'shop/late' },
    })
  })

  it('denies also where no other policy holds', () => {
    expect(evaluate(frontend, workloadPolicies(['shop/late'], new Map())).kind).toBe('denial')
  })
})

describe('a policy that has arrived and that the workload does not name', () => {
  it('does not hold', () => {
    const holding = workloadPolicies([], mapped(policy('deny', [everybody])))
    expect(evaluate(frontend, holding)).toMatchObject({ kind: 'permit', by: undefined })
  })
})

describe('the plain semantics of the wire', () => {
  it.each<[string, Rule, boolean]>([
    ['a rule without clauses matches', { clauses: [] }, true],
    ['a clause without matches matches', { clauses: [{ matches: [] }] }, true],
    ['an empty match matches nothing', { clauses: [{ matches: [emptyMatch] }] }, false],
    [
      'an empty match spoils no other match of its clause',
      { clauses: [{ matches: [emptyMatch, { ...emptyMatch, destinationPorts: [8080] }] }] },
      true,
    ],
    [
      'an empty match fails a rule whose other clause matches',
      { clauses: [{ matches: [emptyMatch] }, { matches: [{ ...emptyMatch, destinationPorts: [8080] }] }] },
      false,
    ],
  ])('%s', (_, rule, matches) => {
    expect(admits(rule, frontend)).toBe(matches)
  })

  it.each<[string, Partial<Match>, boolean]>([
    ['not a principal', { notPrincipals: [{ kind: 'exact', value: 'cluster.local/ns/shop/sa/cart' }] }, true],
    ['not any principal', { notPrincipals: [{ kind: 'presence' }] }, true],
    ['not an empty prefix', { notPrincipals: [{ kind: 'prefix', value: '' }] }, true],
    ['not a namespace', { notNamespaces: [{ kind: 'exact', value: 'shop' }] }, true],
    ['not a service account', { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'cart' }] }, true],
    ['any principal', { principals: [{ kind: 'presence' }] }, false],
    ['any principal by an empty prefix', { principals: [{ kind: 'prefix', value: '' }] }, false],
    ['an empty namespace', { namespaces: [{ kind: 'exact', value: '' }] }, false],
    ['any namespace', { namespaces: [{ kind: 'presence' }] }, false],
    ['a service account', { serviceAccounts: [{ namespace: '', serviceAccount: '' }] }, false],
  ])('for a peer without identity, "%s" is %s', (_, match, holds) => {
    expect(admits({ clauses: [{ matches: [{ ...emptyMatch, ...match }] }] }, plaintext)).toBe(holds)
  })

  it('tests the destination address as the connection has it', () => {
    const ips = [{ ip: parseIp('10.77.0.0')!, length: 24, bytes: Uint8Array.of(10, 77, 0, 0) }]
    const match = { ...emptyMatch, destinationIps: ips }
    expect(admits({ clauses: [{ matches: [match] }] }, frontend)).toBe(true)
    const other = { ...frontend, destination: parseSocketAddress('10.78.0.12:8080')! }
    expect(admits({ clauses: [{ matches: [match] }] }, other)).toBe(false)
  })
})

describe('for any policies and any connection', () => {
  it('decides as the model does', () => {
    const seen = { permit: 0, denial: 0 }
    fc.assert(
      fc.property(facts, named, (connection, { names, authorizations }) => {
        const decision = evaluate(connection, workloadPolicies(names, authorizations))
        seen[decision.kind]++
        expect(decision.kind).toBe(modelDecides(connection, names, authorizations))
      }),
      { numRuns: 3000 },
    )
    expect(Math.min(seen.permit, seen.denial), JSON.stringify(seen)).toBeGreaterThan(300)
  })

  it('tells of a dry run exactly when enforcing every policy would deny', () => {
    fc.assert(
      fc.property(facts, named, (connection, { names, authorizations }) => {
        const decision = evaluate(connection, workloadPolicies(names, authorizations))
        if (decision.kind === 'denial') return
        const enforced = modelDecidesEnforcingAll(connection, names, authorizations)
        expect(decision.wouldDeny.length > 0).toBe(enforced === 'denial')
      }),
      { numRuns: 3000 },
    )
  })

  it('does not depend on the order or repetition of the names', () => {
    fc.assert(
      fc.property(facts, named, (connection, { names, authorizations }) => {
        const shuffled = [...names, ...names].toReversed()
        const decision = evaluate(connection, workloadPolicies(shuffled, authorizations))
        expect(decision.kind).toBe(evaluate(connection, workloadPolicies(names, authorizations)).kind)
      }),
    )
  })
})

const everybody: Rule = { clauses: [] }

function admits(rule: Rule, connection: ConnectionFacts): boolean {
  const holding = workloadPolicies(['shop/allow'], mapped(policy('allow', [rule])))
  return evaluate(connection, holding).kind === 'permit'
}

function policy(action: Authorization['action'], rules: readonly Rule[]): Authorization {
  return {
    key: `shop/${action}`,
    name: action,
    namespace: 'shop',
    scope: 'workload',
    action,
    rules,
    dryRun: false,
  }
}

function mapped(...policies: readonly Authorization[]): ReadonlyMap<string, Authorization> {
  return new Map(policies.map((policy) => [policy.key, policy]))
}
