import { BlockList, isIPv4 } from 'node:net'
import type { Cidr, IpAddress } from '../../address.ts'
import type { Authorization, Match, StringMatch } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'

/** The rules of evaluation written down a second time, as slowly and plainly as possible. */
export function modelDecides(
  facts: ConnectionFacts,
  names: readonly string[],
  authorizations: ReadonlyMap<string, Authorization>,
): 'permit' | 'denial' {
  for (const name of names) if (!authorizations.has(name)) return 'denial'
  const enforced = [...authorizations.values()].filter(({ key, dryRun }) => names.includes(key) && !dryRun)
  const denies = enforced.filter(({ action }) => action === 'deny')
  const allows = enforced.filter(({ action }) => action === 'allow')
  if (denies.some((policy) => policyMatches(policy, facts))) return 'denial'
  if (allows.length === 0) return 'permit'
  return allows.some((policy) => policyMatches(policy, facts)) ? 'permit' : 'denial'
}

/** What it would decide if no policy were a dry run. */
export function modelDecidesEnforcingAll(
  facts: ConnectionFacts,
  names: readonly string[],
  authorizations: ReadonlyMap<string, Authorization>,
): 'permit' | 'denial' {
  const enforced = [...authorizations].map(([key, policy]) => [key, { ...policy, dryRun: false }] as const)
  return modelDecides(facts, names, new Map(enforced))
}

function policyMatches(policy: Authorization, facts: ConnectionFacts): boolean {
  let anyRule = false
  for (const rule of policy.rules) {
    let allClauses = true
    for (const clause of rule.clauses) {
      let anyMatch = clause.matches.length === 0
      for (const match of clause.matches) if (modelMatches(match, facts)) anyMatch = true
      if (!anyMatch) allClauses = false
    }
    if (allClauses) anyRule = true
  }
  return anyRule
}

function modelMatches(match: Match, { peer, sourceIp, destination }: ConnectionFacts): boolean {
  const principal = peer && `${peer.trustDomain}/ns/${peer.namespace}/sa/${peer.serviceAccount}`
  const account = peer && `${peer.namespace}/${peer.serviceAccount}`
  const accountNames = (field: Match['serviceAccounts']) =>
    field.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`)

  const verdicts = [
    ...positive(match.principals, (value) => principal !== undefined && like(value, principal)),
    ...negative(match.notPrincipals, (value) => principal !== undefined && like(value, principal)),
    ...positive(match.namespaces, (value) => peer !== undefined && like(value, peer.namespace)),
    ...negative(match.notNamespaces, (value) => peer !== undefined && like(value, peer.namespace)),
    ...positive(accountNames(match.serviceAccounts), (value) => value === account),
    ...negative(accountNames(match.notServiceAccounts), (value) => value === account),
    ...positive(match.sourceIps, (value) => inRange(value, sourceIp)),
    ...negative(match.notSourceIps, (value) => inRange(value, sourceIp)),
    ...positive(match.destinationIps, (value) => inRange(value, destination.ip)),
    ...negative(match.notDestinationIps, (value) => inRange(value, destination.ip)),
    ...positive(match.destinationPorts, (value) => value === destination.port),
    ...negative(match.notDestinationPorts, (value) => value === destination.port),
  ]
  return verdicts.length > 0 && !verdicts.includes(false)
}

/** A field's verdict, or none when it says nothing. */
function positive<Value>(values: readonly Value[], matches: (value: Value) => boolean): boolean[] {
  return values.length === 0 ? [] : [values.map(matches).includes(true)]
}

function negative<Value>(values: readonly Value[], matches: (value: Value) => boolean): boolean[] {
  return values.length === 0 ? [] : [!values.map(matches).includes(true)]
}

function like(pattern: StringMatch, text: string): boolean {
  if (pattern.kind === 'presence') return true
  const { value } = pattern
  if (pattern.kind === 'exact') return value === text
  return pattern.kind === 'prefix'
    ? text.slice(0, value.length) === value
    : text.slice(-value.length) === value
}

function inRange(range: Cidr, ip: IpAddress): boolean {
  const list = new BlockList()
  list.addSubnet(range.ip, range.length, isIPv4(range.ip) ? 'ipv4' : 'ipv6')
  return isIPv4(range.ip) === isIPv4(ip) && list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6')
}
