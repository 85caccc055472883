import type { ClusterPod } from '../../../control-plane/cluster-snapshot.ts'
import { flagsOf, type Place } from '../../kubernetes/command-line.ts'
import type { Answer } from '../explain.ts'
import { nameOf } from '../names.ts'
import type { Outcome } from '../outcome.ts'
import { verdictOf } from '../verdict.ts'

/** The answer as it is where a pod at either end of the place's mesh was cut off, whatever policy says. */
export function withoutRevoked(answer: Answer, pods: readonly ClusterPod[], place: Place): Answer {
  const revoked = new Map(pods.filter((pod) => pod.revoked).map((pod) => [nameOf(pod), pod]))
  const outcomes = answer.outcomes.map((outcome) => {
    // Only mutual TLS shows a certificate that was taken back.
    if (outcome.transport !== 'mutual_tls') return outcome
    const ends = [answer.source.workload, outcome.workload].flatMap((workload) => workload ?? [])
    const pod = ends.map((workload) => revoked.get(nameOf(workload))).find((each) => each !== undefined)
    return pod ? cutOff(outcome, pod, flagsOf(place, '--weft-namespace')) : outcome
  })
  return { ...answer, outcomes, verdict: verdictOf(outcomes) }
}

function cutOff(outcome: Outcome, { namespace, name }: ClusterPod, flags: string): Outcome {
  const lifted = `lift it: weft identity revoke ${name} -n ${namespace} --undo${flags}`
  return {
    ...outcome,
    allowed: false,
    because: `${namespace}/${name} is revoked, so that the other end takes no certificate of it`,
    by: undefined,
    changes: outcome.allowed ? [lifted] : [`${lifted}; after that, ${outcome.because}`],
    wouldDeny: [],
  }
}
