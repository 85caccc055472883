import { BlockList, isIPv4 } from 'node:net'
import type { Cidr, IpAddress } from '../../address.ts'
import type { PolicyTarget } from '../compile.ts'
import type { ConnectionFacts } from '../decision.ts'
import type {
  AuthorizationPolicy,
  Operation,
  PeerAuthentication,
  PolicyDocument,
  Source,
} from '../documents.ts'
import { formatServiceAccount, formatStringMatch } from '../format.ts'

/** What docs/policy.md says of documents, word by word: no compiling, no looking up, no policy of another's shape. */
export function documentsDecide(
  documents: readonly PolicyDocument[],
  workload: PolicyTarget,
  facts: ConnectionFacts,
): 'permit' | 'denial' {
  const holding = documents.filter((document) => holds(document, workload))
  const enforced = holding.filter((one) => one.kind === 'AuthorizationPolicy').filter(({ dryRun }) => !dryRun)
  const denies = enforced.filter(({ action }) => action === 'Deny')
  const allows = enforced.filter(({ action }) => action === 'Allow')

  if (!facts.peer && isStrict(holding, workload, facts.destination.port)) return 'denial'
  if (denies.some((policy) => applies(policy, facts))) return 'denial'
  if (allows.length === 0) return 'permit'
  return allows.some((policy) => applies(policy, facts)) ? 'permit' : 'denial'
}

function holds({ namespace, selector }: PolicyDocument, workload: PolicyTarget): boolean {
  if (namespace !== workload.namespace && namespace !== 'weft-system') return false
  for (const label in selector) if (workload.labels[label] !== selector[label]) return false
  return true
}

function isStrict(holding: readonly PolicyDocument[], workload: PolicyTarget, port: number): boolean {
  const candidates = holding.filter((one) => one.kind === 'PeerAuthentication')
  const nearest =
    first(candidates.filter((one) => one.selector && one.namespace === workload.namespace && !isRoot(one))) ??
    first(candidates.filter((one) => one.selector)) ??
    first(candidates.filter((one) => !isRoot(one))) ??
    first(candidates)
  return (nearest?.ports.get(port) ?? nearest?.mode ?? 'Permissive') === 'Strict'
}

function isRoot({ namespace }: PolicyDocument): boolean {
  return namespace === 'weft-system'
}

function first(policies: readonly PeerAuthentication[]): PeerAuthentication | undefined {
  return policies.toSorted((a, b) => (a.name < b.name ? -1 : 1))[0]
}

function applies({ rules, action }: AuthorizationPolicy, facts: ConnectionFacts): boolean {
  return rules.some(
    ({ from, to }) =>
      (from.length === 0 || from.some((source) => comesFrom(source, action, facts))) &&
      (to.length === 0 || to.some((operation) => goesTo(operation, facts))),
  )
}

function comesFrom(source: Source, action: 'Allow' | 'Deny', { peer, sourceIp }: ConnectionFacts): boolean {
  const identity = peer
    ? {
        principals: `${peer.trustDomain}/ns/${peer.namespace}/sa/${peer.serviceAccount}`,
        serviceAccounts: `${peer.namespace}/${peer.serviceAccount}`,
        namespaces: peer.namespace,
      }
    : undefined
  const written = {
    principals: source.principals.map(formatStringMatch),
    notPrincipals: source.notPrincipals.map(formatStringMatch),
    serviceAccounts: source.serviceAccounts.map(formatServiceAccount),
    notServiceAccounts: source.notServiceAccounts.map(formatServiceAccount),
    namespaces: source.namespaces.map(formatStringMatch),
    notNamespaces: source.notNamespaces.map(formatStringMatch),
  }
  if (!identity) {
    const { principals, serviceAccounts, namespaces, ...excluded } = written
    if (principals.length + serviceAccounts.length + namespaces.length > 0) return false
    if (action === 'Allow' && Object.values(excluded).some((values) => values.length > 0)) return false
  } else {
    for (const [positive, negative] of identityFields) {
      const value = identity[positive]
      if (written[positive].length > 0 && !written[positive].some((glob) => like(glob, value))) return false
      if (written[negative].some((glob) => like(glob, value))) return false
    }
  }
  if (source.ipBlocks.length > 0 && !source.ipBlocks.some((range) => inRange(range, sourceIp))) return false
  return !source.notIpBlocks.some((range) => inRange(range, sourceIp))
}

const identityFields = [
  ['principals', 'notPrincipals'],
  ['serviceAccounts', 'notServiceAccounts'],
  ['namespaces', 'notNamespaces'],
] as const

function goesTo({ ports, notPorts }: Operation, { destination: { port } }: ConnectionFacts): boolean {
  return (ports.length === 0 || ports.includes(port)) && !notPorts.includes(port)
}

function like(glob: string, value: string): boolean {
  if (glob.startsWith('*')) return value.endsWith(glob.slice(1))
  if (glob.endsWith('*')) return value.startsWith(glob.slice(0, -1))
  return value === glob
}

function inRange({ ip, length }: Cidr, address: IpAddress): boolean {
  const family = (text: string) => (isIPv4(text) ? 'ipv4' : 'ipv6')
  const list = new BlockList()
  list.addSubnet(ip, length, family(ip))
  return family(ip) === family(address) && list.check(address, family(address))
}
