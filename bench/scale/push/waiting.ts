import { readFileSync } from 'node:fs'

/**
 * Milliseconds that a process's main thread was ready to run and had no processor: on a machine that does other things
 * as well, that part of a delay is none of the program's.
 */
export function waitedMilliseconds(pid: number): number {
  return parseRunDelay(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8'))
}

/** The second number of `schedstat`, nanoseconds in the run queue, as milliseconds. */
export function parseRunDelay(text: string): number {
  const nanoseconds = Number(text.split(' ')[1])
  if (!Number.isFinite(nanoseconds)) throw new Error(`not a schedstat: ${JSON.stringify(text)}`)
  return nanoseconds / 1e6
}
