import { readdirSync, readFileSync } from 'node:fs'
import type { RunningProcess } from '#test/harness/process.ts'

/** Of the line that a process writes once it has collected its garbage; `live` has the bytes that were left. */
export const collectedMessage = 'garbage collected'

/** What a process holds. */
export interface Sample {
  readonly pid: number
  /** Open file descriptors. */
  readonly files: number
  /** Private memory (RssAnon), in bytes: what lives, and what V8 and malloc keep for what comes. */
  readonly memory: number
  /** What lives in JavaScript's heap and beside it, in bytes. */
  readonly live: number
}

/** Has a process that loaded collect.ts collect its garbage, and looks at it. Rejects when it is gone. */
export async function sampleOf(process: RunningProcess): Promise<Sample> {
  const { pid, output } = process
  const said = output.length
  process.signal('SIGUSR2')
  const line = await process.alive('its garbage to be collected', () =>
    output.slice(said).find((each) => each.includes(collectedMessage)),
  )
  const { live } = JSON.parse(line) as { live: number }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return { pid, files: readdirSync(`/proc/${pid}/fd`).length, memory: Number(kilobytes) * 1_024, live }
}
