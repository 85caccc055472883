import { Failure } from '../../failure.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import type { ExclusionsOf } from '../bypass.ts'
import { type Answer, explain, type Question } from '../explain.ts'
import { nameOf } from '../names.ts'
import { look } from './look.ts'
import { mendable, notesOn, undecidable } from './notes.ts'

/**
 * Answers a question by what the objects of a cluster say; `meshNamespace` is the control plane's own. Throws a Failure
 * for a bad question, and where the objects do not hold the answer.
 */
export async function answerFrom(
  connection: Connection,
  meshNamespace: string,
  question: Question,
): Promise<Answer> {
  const { snapshot, ...objects } = await look(connection, meshNamespace)
  const byName = new Map(objects.pods.map((pod) => [nameOf(pod), pod]))
  const exclusionsOf: ExclusionsOf = (workload) => byName.get(nameOf(workload))?.exclusions
  const namespace = question.namespace ?? connection.namespace
  const explained = explain(snapshot, { ...question, namespace }, exclusionsOf)
  if ('problem' in explained) throw failure(explained.problem)

  const unknown = undecidable(explained, objects.policies)
  if (unknown) throw failure(`this cannot be answered: of ${unknown.name} ${unknown.why}`)
  const notes = [...notesOn(explained, objects), ...explained.notes]
  return { ...mendable(explained, objects.policies), notes }
}

function failure(problem: string): Failure {
  return new Failure(`weft explain: ${problem}`, { status: 2 })
}
