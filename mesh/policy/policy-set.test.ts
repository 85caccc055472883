import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCidr, parseIp, parseSocketAddress } from '../address.ts'
import { spiffeId } from '../spiffe-id.ts'
import { type Authorization, emptyMatch, type Match, type Rule } from './authorization.ts'
import type { ConnectionFacts } from './decision.ts'
import { workloadPolicies } from './evaluate.ts'
import { indexedSet, policySet, scannedSet } from './policy-set.ts'
import { demandingPolicies, facts } from './testing/arbitraries.ts'

describe('for any policies and any connection', () => {
  it('the index finds what asking one after the other finds', () => {
    let found = 0
    fc.assert(
      fc.property(
        demandingPolicies(40),
        fc.array(facts, { minLength: 1, maxLength: 10 }),
        (policies, asked) => {
          const [indexed, scanned] = [indexedSet(policies), scannedSet(policies)]
          for (const connection of asked) {
            const first = scanned.first(connection)
            if (first) found++
            expect(indexed.first(connection)).toEqual(first)
            expect(indexed.every(connection)).toEqual(scanned.every(connection))
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(found).toBeGreaterThan(500)
  })
})

describe('the index', () => {
  const frontend: ConnectionFacts = {
    peer: spiffeId('cluster.local', 'shop', 'frontend')!,
    sourceIp: parseIp('10.77.0.11')!,
    destination: parseSocketAddress('10.77.0.12:8080')!,
  }

  it.each<[string, Partial<Match>]>([
    ['a principal', { principals: [{ kind: 'exact', value: 'cluster.local/ns/shop/sa/frontend' }] }],
    ['the prefix of a principal', { principals: [{ kind: 'prefix', value: 'cluster.local/ns/shop/' }] }],
    ['the suffix of a principal', { principals: [{ kind: 'suffix', value: '/sa/frontend' }] }],
    ['an empty prefix', { principals: [{ kind: 'prefix', value: '' }] }],
    ['an empty suffix', { namespaces: [{ kind: 'suffix', value: '' }] }],
    ['any principal', { principals: [{ kind: 'presence' }] }],
    ['a namespace', { namespaces: [{ kind: 'exact', value: 'shop' }] }],
    ['a service account', { serviceAccounts: [{ namespace: 'shop', serviceAccount: 'frontend' }] }],
    ['a range of sources', { sourceIps: [parseCidr('10.77.0.8/29')!] }],
    ['every IPv4 source', { sourceIps: [parseCidr('0.0.0.0/0')!] }],
    ['the address of the destination', { destinationIps: [parseCidr('10.77.0.12')!] }],
    ['a port', { destinationPorts: [8080] }],
    ['only what it excludes', { notNamespaces: [{ kind: 'exact', value: 'pay' }] }],
  ])('comes upon a rule among thousands by %s', (_, match) => {
    const policies = crowd(2_000).with(1_234, policyOf('wanted', ruleOf(match)))
    expect(indexedSet(policies).first(frontend)).toEqual({ policy: 'shop/wanted', rule: 0 })
    expect(indexedSet(policies).every(frontend)).toEqual([{ policy: 'shop/wanted', rule: 0 }])
  })

  it('comes upon a rule for those without an identity', () => {
    const strict = policyOf('strict', ruleOf({ notPrincipals: [{ kind: 'presence' }] }))
    const set = indexedSet([...crowd(2_000), strict])
    expect(set.first({ ...frontend, peer: undefined })).toEqual({ policy: 'shop/strict', rule: 0 })
    expect(set.first(frontend)).toBeUndefined()
  })

  it('answers the first of many that match', () => {
    const port = ruleOf({ destinationPorts: [8080] })
    const policies = crowd(2_000).with(700, policyOf('b', port)).with(600, policyOf('a', port))
    expect(indexedSet(policies).first(frontend)).toEqual({ policy: 'shop/a', rule: 0 })
    expect(
      indexedSet(policies)
        .every(frontend)
        .map(({ policy }) => policy),
    ).toEqual(['shop/a', 'shop/b'])
  })

  it('asks only those that can match', () => {
    let asked = 0
    const policies = crowd(2_000).map((policy) => {
      const [rule] = policy.rules
      return {
        ...policy,
        rules: [
          {
            get clauses() {
              asked++
              return rule!.clauses
            },
          },
        ],
      }
    })
    const set = policySet(policies)
    set.first(frontend)
    asked = 0
    expect(set.first(frontend)).toBeUndefined()
    expect(asked).toBeLessThan(10)
  })

  it('passes by those that except the connection', () => {
    const except = (n: number): Partial<Match> => ({
      notNamespaces: ['shop', `team-${n}`].map((value) => ({ kind: 'exact', value })),
    })
    const policies = Array.from({ length: 2_000 }, (_, n) => policyOf(`p${n}`, ruleOf(except(n))))
    const other = policyOf('wanted', ruleOf({ notNamespaces: [{ kind: 'exact', value: 'pay' }] }))
    const set = indexedSet([...policies, other])
    expect(set.first(frontend)).toEqual({ policy: 'shop/wanted', rule: 0 })
    expect(set.every(frontend)).toHaveLength(1)
    expect(set.first({ ...frontend, peer: undefined })).toEqual({ policy: 'shop/p0', rule: 0 })
  })
})

describe('the policies of a workload', () => {
  const policies = new Map(crowd(100).map((policy) => [policy.key, policy]))
  const before = workloadPolicies([...policies.keys()], policies)

  it('keep their index while they stay the same', () => {
    const deny = { ...policyOf('deny', ruleOf({ destinationPorts: [22] })), action: 'deny' as const }
    const after = workloadPolicies(
      [...policies.keys(), deny.key],
      new Map([...policies, [deny.key, deny]]),
      before,
    )
    expect(after.allow).toBe(before.allow)
    expect(after.deny.policies).toEqual([deny])
  })

  it('lose it when one was replaced', () => {
    const [key, policy] = [...policies][50]!
    const after = workloadPolicies([...policies.keys()], new Map([...policies, [key, { ...policy }]]), before)
    expect(after.allow).not.toBe(before.allow)
  })
})

/** Policies that admit somebody else, in every way that there is. */
function crowd(count: number): Authorization[] {
  const matches = (n: number): readonly Partial<Match>[] => [
    { principals: [{ kind: 'exact', value: `cluster.local/ns/shop/sa/a${n}` }] },
    { principals: [{ kind: 'prefix', value: `cluster.local/ns/team-${n}/` }] },
    { principals: [{ kind: 'suffix', value: `/sa/b${n}` }] },
    { namespaces: [{ kind: 'exact', value: `team-${n}` }], destinationPorts: [8080] },
    { serviceAccounts: [{ namespace: 'shop', serviceAccount: `c${n}` }] },
    { sourceIps: [parseCidr(`10.${78 + (n >> 8)}.${n & 255}.0/24`)!] },
    { sourceIps: [parseCidr(`2001:db8:${n.toString(16)}::/48`)!] },
    { destinationPorts: [10_000 + n] },
  ]
  return Array.from({ length: count }, (_, n) => policyOf(`p${n}`, ruleOf(matches(n)[n % 8]!)))
}

function policyOf(name: string, ...rules: readonly Rule[]): Authorization {
  const key = `shop/${name}`
  return { key, name, namespace: 'shop', scope: 'workload', action: 'allow', rules, dryRun: false }
}

function ruleOf(match: Partial<Match>): Rule {
  return { clauses: [{ matches: [{ ...emptyMatch, ...match }] }] }
}
