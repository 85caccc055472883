import { Failure } from '../../failure.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { doorOf } from '../../proxy/at-sidecar.ts'
import type { ExclusionsOf } from '../bypass.ts'
import { type Answer, explain, type Question } from '../explain.ts'
import { nameOf } from '../names.ts'
import { look } from './look.ts'
import { mendable, notesOn, undecidable } from './notes.ts'
import { withoutRevoked } from './revoked.ts'
import { verify } from './verify.ts'

export interface AnswerOptions {
  /** Of the kubeconfig, as the flag says it; undefined for the current one. */
  readonly context: string | undefined
  /** The control plane's own. */
  readonly meshNamespace: string
  /** Whether the endpoints' sidecars are asked as well. */
  readonly verified: boolean
}

/**
 * Answers a question by what the objects of a cluster say, and its sidecars where they are to be asked. Throws a Failure
 * for a bad question, and where the answer cannot be known.
 */
export async function answerFrom(
  connection: Connection,
  { context, meshNamespace, verified }: AnswerOptions,
  question: Question,
): Promise<Answer> {
  const { snapshot, ...objects } = await look(connection, meshNamespace)
  const byName = new Map(objects.pods.map((pod) => [nameOf(pod), pod]))
  const exclusionsOf: ExclusionsOf = (workload) => byName.get(nameOf(workload))?.exclusions
  const namespace = question.namespace ?? connection.namespace
  const explained = explain(snapshot, { ...question, namespace }, exclusionsOf)
  if ('problem' in explained) throw failure(explained.problem)

  const { answer, asked } = verified
    ? await verify(explained, {
        snapshot,
        exclusionsOf,
        doorOf: (workload) => doorOf(connection, workload.namespace, workload.name),
      })
    : { answer: explained, asked: new Set<string>() }
  const unknown = undecidable(answer, objects.policies, asked)
  if (unknown) throw failure(`this cannot be answered${verified ? '' : ' without --verify'}: of ${unknown}`)
  const notes = [...notesOn(answer, objects), ...answer.notes]
  const place = { context, namespace: meshNamespace }
  return { ...withoutRevoked(mendable(answer, objects.policies), objects.pods, place), notes }
}

function failure(problem: string): Failure {
  return new Failure(`weft explain: ${problem}`, { status: 2 })
}
