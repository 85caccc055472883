import { parseCidr, parseIp, parseSocketAddress } from '#mesh/address.ts'
import { type Authorization, emptyMatch, type Match } from '#mesh/policy/authorization.ts'
import type { ConnectionFacts } from '#mesh/policy/decision.ts'
import { spiffeId } from '#mesh/spiffe-id.ts'

/** What policies of a population are like. */
export const shapes = ['mixed', 'principals', 'prefixes', 'ranges', 'exclusions'] as const
export type Shape = (typeof shapes)[number]

export const shapeWords: Readonly<Record<Shape, string>> = {
  mixed: 'of all kinds, a third of them Deny',
  principals: 'Allow, a principal each',
  prefixes: 'Allow, a prefix of principals each',
  ranges: 'Allow, a range of addresses each',
  exclusions: 'Deny, all namespaces but two, other ones each',
}

/** That many policies on one workload. Of the connections below, some match one of them and most match none. */
export function population(shape: Shape, count: number): readonly Authorization[] {
  return Array.from({ length: count }, (_, n) => policy(n, shape))
}

/** Connections of that many peers, one in five without an identity. */
export function connections(count: number): readonly ConnectionFacts[] {
  const destination = parseSocketAddress('10.77.0.12:8080')!
  return Array.from({ length: count }, (_, n) => ({
    peer: n % 5 === 0 ? undefined : spiffeId('cluster.local', 'shop', `account-${n}`)!,
    sourceIp: parseIp(`10.200.${(n >> 8) & 255}.${n & 255}`)!,
    destination,
  }))
}

function policy(n: number, shape: Shape): Authorization {
  const name = `policy-${n}`
  const action = shape === 'exclusions' || (shape === 'mixed' && n % 3 === 0) ? 'deny' : 'allow'
  const rules = [{ clauses: [{ matches: [{ ...emptyMatch, ...matchOf(n, shape) }] }] }]
  return { key: `shop/${name}`, name, namespace: 'shop', scope: 'workload', action, rules, dryRun: false }
}

function matchOf(n: number, shape: Shape): Partial<Match> {
  switch (shape) {
    case 'principals':
      return { principals: [{ kind: 'exact', value: `cluster.local/ns/shop/sa/account-${n * 16}` }] }
    case 'prefixes':
      return { principals: [{ kind: 'prefix', value: `cluster.local/ns/team-${n}/` }] }
    case 'ranges':
      return { sourceIps: [parseCidr(`10.${n >> 8}.${n & 255}.0/24`)!] }
    case 'exclusions': {
      const value = (text: string) => ({ kind: 'exact', value: text }) as const
      return { notNamespaces: [value('shop'), value(`team-${n}`)] }
    }
    case 'mixed':
      return mixed(n)[n % 8]!
  }
}

function mixed(n: number): readonly Partial<Match>[] {
  return [
    { principals: [{ kind: 'exact', value: `cluster.local/ns/pay/sa/account-${n}` }] },
    { principals: [{ kind: 'prefix', value: `cluster.local/ns/team-${n}/` }] },
    { principals: [{ kind: 'suffix', value: `/sa/job-${n}` }] },
    { namespaces: [{ kind: 'exact', value: `team-${n}` }], destinationPorts: [8080] },
    { serviceAccounts: [{ namespace: 'shop', serviceAccount: `account-${n}` }], destinationPorts: [8080] },
    { sourceIps: [parseCidr(`10.${(n >> 8) & 127}.${n & 255}.0/24`)!], destinationPorts: [8080] },
    { sourceIps: [parseCidr(`2001:db8:${n.toString(16)}::/48`)!] },
    { destinationPorts: [10_000 + n], notNamespaces: [{ kind: 'exact', value: 'shop' }] },
  ]
}
