import { readdirSync, readFileSync } from 'node:fs'

/** What a process holds. */
export interface Sample {
  readonly pid: number
  /** Open file descriptors. */
  readonly files: number
  /** Private memory (RssAnon), in bytes. */
  readonly memory: number
}

/** Looks at a running process. Throws when it is gone. */
export function sampleOf(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return { pid, files: readdirSync(`/proc/${pid}/fd`).length, memory: Number(kilobytes) * 1_024 }
}
