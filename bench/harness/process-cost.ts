import { readdirSync, readFileSync } from 'node:fs'

/** Bytes, as `/proc` tells them now. */
export interface Memory {
  /** Anonymous pages in memory: what this process costs alone. */
  readonly privateBytes: number
  /** With file-backed pages divided among the processes that share them. */
  readonly proportionalBytes: number
}

export function memoryOf(pid: number): Memory {
  return {
    privateBytes: kilobytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'RssAnon') * 1024,
    proportionalBytes: kilobytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss') * 1024,
  }
}

/**
 * Processor time in microseconds that all threads of a process have had. `utime` and `stime` count ticks of 10 ms, too
 * coarse for a short measurement at a low rate; the scheduler's account of the same time is in nanoseconds.
 */
export function processorMicroseconds(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) => {
    return parseSchedulerTime(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
  })
  return nanoseconds.reduce((sum, time) => sum + time, 0) / 1_000
}

/** The first number of `schedstat`: nanoseconds on a processor. */
export function parseSchedulerTime(text: string): number {
  const time = Number(text.split(' ', 1)[0])
  if (!Number.isFinite(time)) throw new Error(`not a schedstat: ${JSON.stringify(text)}`)
  return time
}

function kilobytes(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)
  if (!found) throw new Error(`/proc has no ${name}`)
  return Number(found[1])
}
