import { isExcluded } from '../check/checks/excluded.ts'
import { leftOut } from '../check/checks/unmeshed.ts'
import type { Facts, PodFacts, PolicyFacts } from '../check/facts.ts'
import { count } from '../check/finding.ts'
import { mapSeen, seenOr } from '../kubernetes/seen.ts'

export type StatusFacts = Pick<
  Facts,
  'namespace' | 'namespaces' | 'webhooks' | 'pods' | 'deployments' | 'policies' | 'trustBundle' | 'expiry'
>

/** The mesh at a glance. */
export interface Summary {
  readonly components: readonly ComponentSummary[]
  readonly certificates: readonly CertificateSummary[]
  /** Those that are injected, or have pods that are meshed or should be. */
  readonly namespaces: readonly NamespaceSummary[]
  readonly policies: readonly PolicyFacts[]
  /** What could not be seen, and why. */
  readonly unseen: readonly string[]
}

export interface ComponentSummary {
  readonly name: string
  readonly desired: number
  readonly ready: number
  readonly image: string
}

export interface CertificateSummary {
  readonly name: string
  /** ISO 8601. */
  readonly notAfter: string
}

export interface NamespaceSummary {
  readonly name: string
  readonly injected: boolean
  readonly pods: number
  readonly meshed: number
  /** Should be meshed and are not. */
  readonly leftOut: number
  /** Have their own network or said no. */
  readonly exempt: number
  /** Meshed, and the sidecar is not ready. */
  readonly notReady: number
}

export function summarise(facts: StatusFacts): Summary {
  const { namespaces, webhooks, pods, deployments, policies, trustBundle, expiry } = facts
  const parts = Object.entries({ namespaces, webhooks, pods, deployments, policies, trustBundle, expiry })
  return {
    components: ['weft-control-plane', 'weft-injector'].map((name) => component(name, deployments)),
    certificates: [
      ...seenOr(trustBundle, { roots: [], unreadable: 0 }).roots.map(({ subject, notAfter }) => ({
        name: `root ${subject}`,
        end: notAfter,
      })),
      ...[...seenOr(expiry, new Map<string, number>())]
        .filter(([name]) => name !== 'root')
        .map(([name, end]) => ({ name, end })),
    ].map(({ name, end }) => ({ name, notAfter: new Date(end).toISOString() })),
    namespaces: namespaceSummaries(facts),
    policies: seenOr(policies, []),
    unseen: [
      ...parts.flatMap(([name, part]) => (part.kind === 'hidden' ? [`${name}: ${part.why}`] : [])),
      ...garbled(facts),
    ],
  }
}

function garbled({ trustBundle, namespace }: StatusFacts): string[] {
  if (trustBundle.kind !== 'seen' || trustBundle.value.unreadable === 0) return []
  return [
    `trustBundle: ConfigMap ${namespace}/weft-trust-bundle has ${count(trustBundle.value.unreadable, 'certificate')} that cannot be read, and weft check says what to do`,
  ]
}

function component(name: string, deployments: Facts['deployments']): ComponentSummary {
  const found = seenOr(deployments, []).find((deployment) => deployment.name === name)
  return found ?? { name, desired: 0, ready: 0, image: '' }
}

function namespaceSummaries(facts: StatusFacts): NamespaceSummary[] {
  const { pods, namespace: own } = facts
  const isLeftOut = leftOut(facts)
  const byNamespace = Map.groupBy(seenOr<readonly PodFacts[]>(pods, []), ({ namespace }) => namespace)
  return injectedOr(facts, byNamespace)
    .filter(({ name }) => name !== own)
    .map(({ name, injected }) => {
      const of = byNamespace.get(name) ?? []
      const states = of.flatMap(({ mesh }) => (mesh.kind === 'meshed' ? [mesh.state] : []))
      const leftOut = of.filter(isLeftOut).length
      return {
        name,
        injected,
        pods: of.length,
        meshed: states.length,
        leftOut,
        exempt: of.length - states.length - leftOut,
        notReady: states.filter(({ kind }) => kind !== 'ready').length,
      }
    })
    .filter(({ injected, meshed, leftOut }) => injected || meshed + leftOut > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Where namespaces cannot be seen, those that pods are in stand for them. One that is excluded is not injected. */
function injectedOr(
  facts: StatusFacts,
  byNamespace: ReadonlyMap<string, unknown>,
): readonly { readonly name: string; readonly injected: boolean }[] {
  const known = mapSeen(facts.namespaces, (namespaces) =>
    namespaces.map((one) => ({ name: one.name, injected: one.injected && !isExcluded(one, facts) })),
  )
  return seenOr(
    known,
    [...byNamespace.keys()].map((name) => ({ name, injected: false })),
  )
}
