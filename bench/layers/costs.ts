import { readFileSync } from 'node:fs'

export interface Costs {
  /** Processor time of this process when it was asked, in microseconds. */
  readonly cpuMicros: number
  /** The same when it answered: the difference is what the collection cost, which belongs to no load. */
  readonly cpuMicrosAfter: number
  /** Private memory after a collection, in bytes. */
  readonly privateBytes: number
}

/** What this process has cost. */
export function costs(): Costs {
  const cpuMicros = processorTime()
  globalThis.gc?.()
  globalThis.gc?.()
  const anonymous = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  return { cpuMicros, cpuMicrosAfter: processorTime(), privateBytes: Number(anonymous?.[1] ?? 0) * 1024 }
}

function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
