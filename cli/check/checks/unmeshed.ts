import type { Facts, PodFacts } from '../facts.ts'
import { count, type Finding, ok, some, unseen } from '../finding.ts'

const check = 'unmeshed'

/** Pods that run without a sidecar, though their namespace or they themselves ask for one. */
export function checkUnmeshed({ pods, namespaces }: Facts): Finding[] {
  if (pods.kind !== 'seen')
    return [unseen(check, 'pods', pods.kind === 'hidden' ? pods.why : 'there are none')]
  if (namespaces.kind !== 'seen') return []
  const injected = new Set(namespaces.value.filter((one) => one.injected).map(({ name }) => name))
  const left = pods.value.filter((pod) => isLeftOut(pod, injected.has(pod.namespace)))
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

/** Whether it should have a sidecar and has none. */
export function isLeftOut({ mesh, hostNetwork, asks }: PodFacts, namespaceInjected: boolean): boolean {
  return mesh.kind === 'unmeshed' && !hostNetwork && (asks === 'in' || (namespaceInjected && asks !== 'out'))
}
