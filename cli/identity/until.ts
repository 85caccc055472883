import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds between looks. */
const interval = 250
/** Milliseconds after which somebody who looks on is told. */
const silence = 1_000

/** Looks until there is something to be seen; undefined after `timeout` milliseconds. Says on standard error why it waits. */
export async function until<T>(
  timeout: number,
  waiting: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const began = performance.now()
  let told = false
  for (;;) {
    const seen = await look()
    const waited = performance.now() - began
    if (seen !== undefined || waited >= timeout) return seen
    if (!told && waited >= silence) {
      process.stderr.write(`${waiting} ...\n`)
      told = true
    }
    await delay(Math.min(interval, timeout - waited))
  }
}
