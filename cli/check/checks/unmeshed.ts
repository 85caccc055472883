import { isLeftOut } from '#mesh/left-out.ts'
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
  const namespaces = new Map(
    seenOr<readonly NamespaceFacts[]>(facts.namespaces, []).map((one) => [
      one.name,
      { injected: one.injected, excluded: isExcluded(one, facts) },
    ]),
  )
  return ({ namespace, mesh, ...pod }) =>
    isLeftOut({ ...pod, meshed: mesh.kind === 'meshed' }, namespaces.get(namespace) ?? unseenNamespace)
}

const unseenNamespace = { injected: false, excluded: false }
