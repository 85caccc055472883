import { createLog, type Log } from '#runtime/log.ts'

/** A log whose lines a test can look at. */
export function recordingLog(): { readonly log: Log; readonly records: Record<string, unknown>[] } {
  const records: Record<string, unknown>[] = []
  const write = (line: string) => void records.push(JSON.parse(line) as Record<string, unknown>)
  return { log: createLog({ component: 'test', level: 'debug', write }), records }
}
