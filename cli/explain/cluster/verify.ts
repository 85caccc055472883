import { createSnapshot, type Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { Failure } from '../../failure.ts'
import type { Door } from '../../proxy/door.ts'
import type { ExclusionsOf } from '../bypass.ts'
import type { Answer } from '../explain.ts'
import { look } from '../explain-sidecar.ts'
import { nameOf } from '../names.ts'
import type { Outcome } from '../outcome.ts'
import { outcomesOf } from '../outcomes.ts'
import type { SidecarPicture } from '../picture.ts'
import { verdictOf } from '../verdict.ts'

export interface VerifyOptions {
  /** What the answer was made of. */
  readonly snapshot: Snapshot
  readonly exclusionsOf: ExclusionsOf
  /** The way to a workload's sidecar. */
  readonly doorOf: (workload: Workload) => Door
}

export interface Verified {
  /** As the sidecars decide that could be asked. */
  readonly answer: Answer
  /** The uids of the workloads whose sidecars were asked. */
  readonly asked: ReadonlySet<string>
}

/** Sidecars that are asked at most; a service has endpoints by the thousand. */
const most = 20

/** Asks the sidecars where the connection may arrive, which have the last word, and says where they differ. */
export async function verify(answer: Answer, options: VerifyOptions): Promise<Verified> {
  const enforcing = answer.outcomes.flatMap(({ workload }) =>
    workload?.tunnel === 'hbone' ? [workload] : [],
  )
  const workloads = [...new Map(enforcing.map((workload) => [workload.uid, workload])).values()]
  const checks = await Promise.all(
    workloads.slice(0, most).map(async (workload) => await check(workload, answer, options)),
  )
  const decided = new Map(checks.flatMap(({ outcomes }) => [...outcomes]))
  const outcomes = answer.outcomes.map((outcome) => decided.get(outcome) ?? outcome)
  const left = workloads.length - most
  const notes = [
    ...checks.flatMap((each) => each.notes),
    ...(left > 0 ? [`${left} more sidecars were not asked`] : []),
  ]
  const asked = new Set(checks.flatMap(({ asked: uid }) => uid ?? []))
  return {
    answer: { ...answer, outcomes, verdict: verdictOf(outcomes), notes: [...notes, ...answer.notes] },
    asked,
  }
}

interface Check {
  readonly asked?: string
  /** What becomes of these outcomes by what the sidecar holds. */
  readonly outcomes: ReadonlyMap<Outcome, Outcome>
  readonly notes: readonly string[]
}

async function check(workload: Workload, answer: Answer, options: VerifyOptions): Promise<Check> {
  const name = nameOf(workload)
  let picture: SidecarPicture
  try {
    picture = await look(options.doorOf(workload))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const why = error.message.replace('weft explain: ', '')
    return { outcomes: new Map(), notes: [`the sidecar of ${name} could not be asked: ${why}`] }
  }
  const judged = {
    ...options,
    snapshot: asHeldBy(picture, workload, options.snapshot),
    destination: answer.destination,
  }
  const now = outcomesOf(answer.source, judged)
  const outcomes = new Map(
    answer.outcomes
      .filter((outcome) => outcome.workload?.uid === workload.uid)
      .flatMap((outcome) => {
        const held = now.find(({ address }) => sameAddress(address, outcome.address))
        return held ? [[outcome, held] as const] : []
      }),
  )
  const notes = [...outcomes].flatMap(([before, after]) => difference(name, before, after))
  return {
    asked: workload.uid,
    outcomes,
    notes: [
      ...(notes.length > 0 ? notes : [`the sidecar of ${name} decides the same`]),
      ...stateOf(name, picture),
    ],
  }
}

/** The mesh of the cluster with what the sidecar holds for its own workload in it. */
function asHeldBy({ own, mesh }: SidecarPicture, workload: Workload, snapshot: Snapshot): Snapshot {
  const held = mesh.workloads.get(own)?.authorizationPolicies ?? workload.authorizationPolicies
  return createSnapshot({
    ...snapshot,
    settings: mesh.settings,
    workloads: new Map([...snapshot.workloads, [workload.uid, { ...workload, authorizationPolicies: held }]]),
    authorizations: mesh.authorizations,
  })
}

function difference(name: string, before: Outcome, after: Outcome): string[] {
  if (before.allowed === after.allowed && before.because === after.because) return []
  return [`the sidecar of ${name} decides otherwise than the objects say, by which ${before.because}`]
}

function stateOf(name: string, { waitsFor, controlPlane }: SidecarPicture): string[] {
  return [
    ...(waitsFor === undefined ? [] : [`the sidecar of ${name} is not ready, and waits for ${waitsFor}`]),
    ...(controlPlane === 'away'
      ? [`the control plane of ${name}’s sidecar is away: that is what it heard last, and what it enforces`]
      : []),
  ]
}

function sameAddress(a: Outcome['address'], b: Outcome['address']): boolean {
  return a?.ip === b?.ip && a?.port === b?.port
}
