import { formatPolicy } from '#mesh/policy/format.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { Failure } from '../failure.ts'
import { type Output, print } from '../output.ts'
import { ask } from '../proxy/ask.ts'
import { atSidecar } from '../proxy/at-sidecar.ts'
import type { Door } from '../proxy/door.ts'
import type { Whereabouts } from '../proxy/question.ts'
import { describeAnswer } from './describe.ts'
import { answerDocument } from './document.ts'
import { type Answer, explain, type Question } from './explain.ts'
import { nameOf } from './names.ts'
import { picture, type SidecarPicture } from './picture.ts'

export interface SidecarQuestion extends Question, Whereabouts {
  readonly output: Output
}

/**
 * Answers, on what a running sidecar holds right now, the exit status: 0 when the connection is allowed, 1 when not.
 * Throws a Failure for a bad question, or one that this sidecar does not know the answer to.
 */
export async function explainSidecar({ output, ...asked }: SidecarQuestion): Promise<number> {
  const { source, destination, namespace, admin } = asked
  const question = { source, destination, namespace }
  const answering = async (door: Door): Promise<number> => {
    const seen = await look(door)
    const explained = explain(seen.mesh, question)
    if ('problem' in explained) throw failure(explained.problem)
    const unknown = policiesUnknown(explained, seen)
    if (unknown !== undefined) throw failure(unknown)
    const answer = { ...explained, notes: [...notesOn(seen), ...explained.notes] }
    print(
      output,
      () => answerDocument(answer),
      () => describeAnswer(answer),
    )
    return answer.verdict === 'yes' ? 0 : 1
  }
  // Without --netns it must still be a sidecar that is asked.
  return await atSidecar(asked, { command: 'weft explain', added: ['--admin', admin] }, answering)
}

/** What a sidecar holds. Throws a Failure that says why that cannot be had. */
export async function look(door: Door): Promise<SidecarPicture> {
  try {
    return (await ask(door, { method: 'GET', path: '/picture', answer: picture })).parsed
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const message = error.message.replace('weft proxy: ', 'weft explain: ')
    throw new Failure(message, { status: error.status, cause: error })
  }
}

/** A sidecar is told its own pod's policies only: of others it can judge where they are the same. */
function policiesUnknown({ outcomes }: Answer, { own, mesh }: SidecarPicture): string | undefined {
  for (const { workload } of outcomes) {
    if (!workload || workload.tunnel === 'none' || workload.uid === own) continue
    const [missing] = missingPolicies(workload, mesh)
    if (missing === undefined) continue
    return (
      `the sidecar of ${ownName(own, mesh)} is not told ${formatPolicy(missing)}, which holds on ${nameOf(workload)}: ` +
      `ask the sidecar of ${nameOf(workload)}, with --netns or --admin`
    )
  }
  return undefined
}

function missingPolicies(workload: Workload, { authorizations }: Snapshot): readonly string[] {
  return workload.authorizationPolicies.filter((name) => !authorizations.has(name))
}

function notesOn({ own, waitsFor, controlPlane, mesh }: SidecarPicture): string[] {
  const name = ownName(own, mesh)
  return [
    `as the sidecar of ${name} sees the mesh right now`,
    ...(waitsFor === undefined ? [] : [`it is not ready, and waits for ${waitsFor}`]),
    ...(controlPlane === 'away'
      ? ['its control plane is away: this is what it heard last, and what it enforces']
      : []),
  ]
}

function ownName(uid: string, { workloads }: Snapshot): string {
  const workload = workloads.get(uid)
  return workload ? nameOf(workload) : uid
}

function failure(problem: string): Failure {
  return new Failure(`weft explain: ${problem}`, { status: 2 })
}
