import type { Stand } from './harness/stand.ts'
import type { Progress } from './progress.ts'
import { isValid, type Measurement } from './report/measurement.ts'
import { InvalidMeasurement, type Scenario } from './scenarios/scenario.ts'

const attempts = 3

export interface TurnOptions {
  /** From 1. */
  readonly round: number
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Measures until it is valid, at most three times; answers every attempt, the last one last. Rejects once the signal aborts. */
export async function takeTurn(
  scenario: Scenario,
  { peer, pair }: Stand,
  { round, progress, signal }: TurnOptions,
): Promise<Measurement[]> {
  const taken: Measurement[] = []
  while (taken.length < attempts) {
    const at = new Date().toISOString()
    const outcome = await scenario.measure(pair).then(
      (sample) => ({ kind: 'valid', ...sample }) as const,
      (error: Error) => ({ kind: 'invalid', problem: problemOf(error) }) as const,
    )
    // What a run that is being ended breaks says nothing about the peer.
    signal.throwIfAborted()
    const measurement = { scenario: scenario.name, peer: peer.name, round, at, outcome }
    taken.push(measurement)
    if (isValid(measurement)) break
    if (taken.length < attempts && outcome.kind === 'invalid') progress.invalid(peer.name, outcome.problem)
  }
  progress.turn(taken.at(-1)!)
  return taken
}

/** A load that could not be applied is one line; anything else is a fault whose place must be told. */
function problemOf(error: Error): string {
  return error instanceof InvalidMeasurement ? error.message : (error.stack ?? error.message)
}
