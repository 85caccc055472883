import type { IncomingMessage } from 'node:http'
import { ApiUnreachable, apiError } from './errors.ts'

/** One line of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: unknown
}

/** Bytes of one event; etcd keeps no object over 1.5 million, JSON about doubles it. */
const lineLimit = 16 * 1024 * 1024

/**
 * The events of a watch, until the API server ends it. `silence` is in milliseconds: a connection that says nothing for
 * so long is cut. Throws ApiError for an event of type ERROR, ApiUnreachable for a connection that broke.
 */
export async function* watchEvents(
  response: IncomingMessage,
  { what, silence }: { readonly what: string; readonly silence: number },
): AsyncGenerator<WatchEvent> {
  const stalled = () => response.destroy(new Error(`it said nothing for ${silence / 1_000} s`))
  const watchdog = setTimeout(stalled, silence)
  try {
    for await (const line of lines(response, () => watchdog.refresh())) yield parseEvent(line, what)
  } catch (error) {
    if (error instanceof Error && error.name === 'ApiError') throw error
    throw new ApiUnreachable(`the watch of ${what} broke`, { cause: error })
  } finally {
    clearTimeout(watchdog)
    response.destroy()
  }
}

async function* lines(response: AsyncIterable<Buffer>, heard: () => void): AsyncGenerator<string> {
  let begun: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    heard()
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)]).toString('utf8')
      begun = []
      size = 0
      from = end + 1
    }
    if (from < chunk.length) begun.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > lineLimit) throw new Error(`an event is over ${lineLimit} bytes`)
  }
  // A last line without an end was cut off: its event comes again with the next watch.
}

function parseEvent(line: string, what: string): WatchEvent {
  const { type, object } = JSON.parse(line) as { type?: unknown; object?: unknown }
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object }
    default:
      throw apiError(`the watch of ${what} was ended`, 500, JSON.stringify(object ?? {}))
  }
}
