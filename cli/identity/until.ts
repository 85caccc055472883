import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../failure.ts'
import { mayPass } from './may-pass.ts'

/** Milliseconds between looks. */
const interval = 250
/** Milliseconds after which somebody who looks on is told. */
const silence = 1_000

/**
 * Looks until there is something to be seen; undefined after `timeout` milliseconds. Says on standard error why it waits, again
 * when that changes, and the first failure that may go by itself, after which it looks on.
 */
export async function until<T>(
  timeout: number,
  waiting: () => string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const began = performance.now()
  let told = ''
  let failed = false
  for (;;) {
    const found = await look().catch(mayPass)
    const seen = found instanceof Failure ? undefined : found
    if (found instanceof Failure && !failed) {
      process.stderr.write(`${found.message}; it is tried again\n`)
      failed = true
    }
    const waited = performance.now() - began
    if (seen !== undefined || waited >= timeout) return seen
    if (waited >= silence && waiting() !== told) {
      told = waiting()
      process.stderr.write(`${told} ...\n`)
    }
    await delay(Math.min(interval, timeout - waited))
  }
}
