import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds from now until an attempt answers true, looked for every 2 ms; what it throws counts as not yet. */
export async function readyAfter(
  attempt: () => Promise<boolean>,
  { timeout = 10_000 }: { readonly timeout?: number } = {},
): Promise<number> {
  const began = performance.now()
  let cause: unknown
  while (performance.now() - began < timeout) {
    try {
      if (await attempt()) return performance.now() - began
    } catch (error) {
      cause = error
    }
    await sleep(2)
  }
  throw new Error(`a proxy was not ready after ${timeout} ms`, { cause })
}
