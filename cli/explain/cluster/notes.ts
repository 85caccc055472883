import { peerAuthenticationOf } from '#mesh/policy/strict.ts'
import type { Workload } from '#mesh/workload.ts'
import type { ClusterPod, ClusterPolicy, ClusterSnapshot } from '../../../control-plane/cluster-snapshot.ts'
import type { Answer } from '../explain.ts'
import { nameOf } from '../names.ts'

/** What the objects of a cluster say about an answer beside what sidecars decide by. */
export function notesOn(
  answer: Answer,
  { pods, policies, waiting, unclaimed }: Omit<ClusterSnapshot, 'snapshot'>,
): string[] {
  const { source, outcomes } = answer
  const workloads = [source.workload, ...outcomes.map(({ workload }) => workload)]
  const involved = new Set(workloads.flatMap((workload) => (workload ? [nameOf(workload)] : [])))
  return [
    ...pods.filter((pod) => involved.has(nameOf(pod))).flatMap(podNotes),
    ...waitingNotes(answer, waiting),
    ...unclaimedNotes(answer, unclaimed),
    ...policies.flatMap((policy) => policyNotes(policy, answer)),
  ]
}

/** The answer with what mends it, where a refused policy keeps somebody out. */
export function mendable(answer: Answer, policies: readonly ClusterPolicy[]): Answer {
  const refused = policies.filter(({ standing }) => standing.kind === 'refused')
  const outcomes = answer.outcomes.map((outcome) => {
    const { workload, allowed, changes } = outcome
    if (allowed || !workload) return outcome
    const names = refused.filter((policy) => holdsOn(policy, workload)).map(fullName)
    // What else it says is about what stands in for it.
    const others = changes.filter((change) => !names.some((name) => change.includes(name)))
    return { ...outcome, changes: [...names.map((name) => `mend ${name}`), ...others] }
  })
  return { ...answer, outcomes }
}

function waitingNotes({ service, outcomes }: Answer, waiting: ClusterSnapshot['waiting']): string[] {
  const names = (service && waiting.get(nameOf(service))) ?? []
  const nowhere = outcomes.every(({ workload }) => workload === undefined)
  if (!service || !nowhere || names.length === 0) return []
  return [`endpoints of ${nameOf(service)} are not ready yet: ${some(names)}`]
}

function unclaimedNotes({ service }: Answer, unclaimed: ClusterSnapshot['unclaimed']): string[] {
  const addresses = (service && unclaimed.get(nameOf(service))) ?? []
  if (!service || addresses.length === 0) return []
  return [
    `endpoints of ${nameOf(service)} are left out, because they lie inside the networks of the mesh and no pod has them: ` +
      `${some(addresses)}; if none is of pods or services, write networks without them into ConfigMap weft-settings`,
  ]
}

function some(names: readonly string[]): string {
  const more = names.length > 4 ? ` and ${names.length - 4} more` : ''
  return `${names.slice(0, 4).join(', ')}${more}`
}

/**
 * The policy, and why, of which no object says what holds in its place, and which may have a say where no sidecar was
 * asked; undefined without one. `asked` has the uids of the workloads whose sidecar was.
 */
export function undecidable(
  answer: Answer,
  policies: readonly ClusterPolicy[],
  asked: ReadonlySet<string>,
): string | undefined {
  const guessed = enforcing(answer).filter(({ uid }) => !asked.has(uid))
  for (const policy of policies) {
    const { standing } = policy
    if (standing.kind !== 'unknown') continue
    if (guessed.some((workload) => reaches(policy, workload))) return `${fullName(policy)} ${standing.why}`
  }
  return undefined
}

function podNotes(pod: ClusterPod): string[] {
  const name = nameOf(pod)
  if (pod.leftOut) {
    return [
      `${name} runs outside the mesh although it should be meshed: restart its workload; weft check says more`,
    ]
  }
  if (pod.ready) return []
  return [
    pod.meshed
      ? `${name} is not ready: if that is its sidecar, it takes no connection yet`
      : `${name} is not ready`,
  ]
}

function policyNotes(policy: ClusterPolicy, answer: Answer): string[] {
  const { standing } = policy
  const name = fullName(policy)
  switch (standing.kind) {
    case 'in-force':
      return []
    case 'unknown':
      return enforcing(answer).some((workload) => reaches(policy, workload))
        ? [`${name}: ${standing.why}`]
        : []
    case 'pending':
      return enforcing(answer).some((workload) => reaches(policy, workload))
        ? [`the control plane has not said yet that ${name} is in force as it is written now`]
        : []
    case 'refused':
      return enforcing(answer).some((workload) => holdsOn(policy, workload))
        ? [`${name}: ${standing.why}`]
        : []
  }
}

/** The workloads whose sidecars have a say. */
function enforcing({ outcomes }: Answer): Workload[] {
  return outcomes.flatMap(({ workload }) => (workload?.tunnel === 'hbone' ? [workload] : []))
}

/** Whether some version of the policy could hold on the workload. */
function reaches({ everywhere, namespace }: ClusterPolicy, workload: Workload): boolean {
  return everywhere || namespace === workload.namespace
}

function holdsOn({ kind, ...policy }: ClusterPolicy, { authorizationPolicies }: Workload): boolean {
  const name = nameOf(policy)
  return authorizationPolicies.some((key) => {
    return (kind === 'PeerAuthentication' ? peerAuthenticationOf(key) : key) === name
  })
}

function fullName({ kind, ...policy }: ClusterPolicy): string {
  return `${kind} ${nameOf(policy)}`
}
