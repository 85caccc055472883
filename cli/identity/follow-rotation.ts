import { setTimeout as delay } from 'node:timers/promises'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { Failure } from '../failure.ts'
import { mayPass } from './may-pass.ts'

export interface Pauses {
  /** Milliseconds between looks. */
  readonly usual: number
  /** Milliseconds after a look that failed. */
  readonly afterFailure: number
}

/**
 * The status as it is, and again whenever it has changed, without end. A failure that may go by itself is told on standard
 * error once, and the next look is tried; any other is thrown.
 */
export async function* follow(
  read: () => Promise<RotationStatus>,
  { usual, afterFailure }: Pauses = { usual: 1_000, afterFailure: 5_000 },
): AsyncGenerator<RotationStatus, never> {
  let told = ''
  let failing = false
  for (;;) {
    const status = await read().catch(mayPass)
    if (status instanceof Failure) {
      if (!failing) process.stderr.write(`${status.message}; it is tried again until there is an answer\n`)
      failing = true
      await delay(afterFailure)
      continue
    }
    failing = false
    const text = JSON.stringify(status)
    if (text !== told) yield status
    told = text
    await delay(usual)
  }
}
