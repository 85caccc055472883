import { seenOr } from '../../kubernetes/seen.ts'
import type { Facts, NamespaceFacts, PodFacts } from '../facts.ts'
import { count, type Finding, ok, some, unseen } from '../finding.ts'
import { isExcluded } from './excluded.ts'

const check = 'unmeshed'

/** Pods that run without a sidecar, though their namespace or they themselves ask for one. */
export function checkUnmeshed(facts: Facts): Finding[] {
  const { pods, namespaces } = facts
  if (pods.kind !== 'seen')
    return [unseen(check, 'pods', pods.kind === 'hidden' ? pods.why : 'there are none')]
  if (namespaces.kind !== 'seen') return []
  const left = pods.value.filter(leftOut(facts))
  if (left.length === 0) return [ok(check, 'every pod that should be meshed is')]
  return [...Map.groupBy(left, ({ namespace }) => namespace)].map(([namespace, of]) => {
    const owners = [...new Set(of.map(({ owner }) => owner))]
    const restartable = owners.filter((owner) => /^(deployment|statefulset|daemonset)\//.test(owner))
    return {
      check,
      level: 'problem' as const,
      message: `${count(of.length, 'pod')} of namespace ${namespace} should be meshed and ${of.length === 1 ? 'is' : 'are'} not: ${some(owners)}`,
      remedy: 'they started before they or the namespace were labelled, or past the webhook: make them anew',
      commands:
        restartable.length > 0 ? [`kubectl -n ${namespace} rollout restart ${restartable.join(' ')}`] : [],
    }
  })
}

/** Tells of a pod whether it should have a sidecar and has none. */
export function leftOut(
  facts: Pick<Facts, 'namespaces' | 'webhooks' | 'namespace'>,
): (pod: PodFacts) => boolean {
  const namespaces = seenOr<readonly NamespaceFacts[]>(facts.namespaces, [])
  const excluded = names(namespaces.filter((one) => isExcluded(one, facts)))
  const injected = names(namespaces.filter((one) => one.injected))
  return ({ namespace, mesh, hostNetwork, forWindows, asks }) =>
    mesh.kind === 'unmeshed' &&
    !hostNetwork &&
    !forWindows &&
    !excluded.has(namespace) &&
    (asks === 'in' || (injected.has(namespace) && asks !== 'out'))
}

function names(namespaces: readonly NamespaceFacts[]): ReadonlySet<string> {
  return new Set(namespaces.map(({ name }) => name))
}
