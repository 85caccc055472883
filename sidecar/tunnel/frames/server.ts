import type { Duplex } from 'node:stream'
import type { Leg } from '../../proxy/leg.ts'
import { BufferBudget } from '../buffer-budget.ts'
import { PeerBudget } from '../peer-budgets.ts'
import { FrameConnection } from './connection.ts'
import type { Field } from './hpack/static-table.ts'
import { defaultLimits, type FrameLimits } from './limits.ts'
import { watchLiveness } from './liveness.ts'
import { parseRequest } from './message.ts'
import type { PeerGuard } from './peer-guard.ts'
import type { FrameStream } from './stream.ts'

/** A CONNECT of the peer. Answer it exactly once. */
export interface FrameRequest {
  readonly authority: string
  readonly leg: Leg
  accept(): void
  reject(status: 400 | 401 | 503): void
}

/** The accepting end of one tunnel. */
export interface FrameSession {
  /** Streams that are open. */
  readonly streams: number
  /** Bytes that paused readers keep waiting. */
  readonly heldSize: number
  /** Accepts nothing new and ends with its last stream: GOAWAY in two steps, so that none on its way is lost. */
  close(): void
  /** Cuts it with all its streams. */
  destroy(cause: Error): void
}

export interface ServeFramesOptions {
  readonly limits?: FrameLimits
  /** The process's own; one for this connection alone unless given. */
  readonly buffers?: BufferBudget
  /** The peer's own, over all its connections; one for this connection alone unless given. */
  readonly guard?: PeerGuard
  /** Told of a request that is no CONNECT; it is answered with 400. */
  readonly onNotConnect?: () => void
  /** Told once that the connection is gone, and why unless it ended as it should. */
  readonly onClosed?: (cause: Error | undefined) => void
}

/** Serves the CONNECT requests of a peer over a socket whose handshake is done. */
export function serveFrames(
  socket: Duplex,
  onStream: (request: FrameRequest) => void,
  {
    limits = defaultLimits,
    buffers = new BufferBudget(),
    guard = new PeerBudget(),
    onNotConnect,
    onClosed,
  }: ServeFramesOptions = {},
): FrameSession {
  const unanswered = new Set<FrameStream>()
  const settle = (stream: FrameStream): void => {
    if (unanswered.delete(stream)) guard.unanswered(-1)
  }
  const answer = (stream: FrameStream, status: number): void => {
    settle(stream)
    connection.respond(stream, [{ name: ':status', value: String(status) }], status !== 200)
  }
  const head = (stream: FrameStream, fields: readonly Field[] | undefined): boolean | undefined => {
    const request = fields && parseRequest(fields)
    if (!request) return undefined
    stream.headReceived = true
    if (request.method !== 'CONNECT') {
      onNotConnect?.()
      answer(stream, 400)
      return true
    }
    unanswered.add(stream)
    guard.unanswered(1)
    onStream({
      authority: request.authority,
      leg: stream,
      accept: () => answer(stream, 200),
      reject: (status) => answer(stream, status),
    })
    return true
  }
  const connection = new FrameConnection(
    socket,
    {
      role: 'server',
      guard,
      head,
      gone: settle,
      retired: () => {},
      closed(cause) {
        stopWatching()
        onClosed?.(cause)
      },
    },
    limits,
    buffers,
  )
  const stopWatching = watchLiveness(connection)
  return {
    get streams() {
      return connection.size
    },
    get heldSize() {
      return connection.heldSize
    },
    close: () => connection.close(),
    destroy: (cause) => connection.destroy(cause),
  }
}
