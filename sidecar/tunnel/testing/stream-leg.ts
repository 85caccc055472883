import type { Duplex } from 'node:stream'
import type { Leg, Sink } from '../../proxy/leg.ts'

export interface StreamTraits {
  /** Cuts the connection with a reset. */
  readonly reset: (cause: Error) => void
  /** Whether an end of the readable side is in truth an abort. */
  readonly wasAborted: () => boolean
  /** Whether everything that was written, the end included, went out. Asked when the stream is closed. */
  readonly wasSent: () => boolean
}

/** A Leg over a Node stream, whose end and loss `traits` tells apart. */
export function streamLeg(stream: Duplex, traits: StreamTraits): Leg {
  let sink: Sink | undefined
  // What the stream has come to: told again to every new sink.
  let state: 'open' | 'ended' | 'closed' | { readonly cause: Error } = 'open'
  let wroteEnd = false
  let lastError: Error | undefined

  const tell = (to: Sink): void => {
    if (state === 'open') return
    if (typeof state === 'object') return to.aborted(state.cause)
    to.ended()
    if (state === 'closed') to.closed()
  }
  const become = (next: typeof state): void => {
    if (typeof state === 'object' || state === 'closed') return
    state = next
    if (!sink) return
    if (typeof next === 'object') sink.aborted(next.cause)
    else if (next === 'ended') sink.ended()
    else sink.closed()
  }

  stream.on('error', (error: Error) => {
    lastError = error
  })
  stream.on('end', () => {
    if (!traits.wasAborted()) become('ended')
  })
  stream.on('drain', () => sink?.drained())
  stream.on('close', () => {
    const whole = state === 'ended' && traits.wasSent() && !traits.wasAborted()
    become(whole ? 'closed' : { cause: lastError ?? new Error('the connection was reset') })
  })

  return {
    read(next) {
      const first = sink === undefined
      sink = next
      if (first) stream.on('data', (bytes: Buffer) => sink?.data(bytes))
      tell(next)
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    // A write after the peer's reset has nobody to reach; the abort is on its way to the sink.
    write: (bytes) => (stream.writable ? stream.write(Buffer.from(bytes)) : true),
    end() {
      if (wroteEnd) return
      wroteEnd = true
      if (stream.writable) stream.end()
    },
    abort(cause) {
      become({ cause })
      traits.reset(cause)
    },
  }
}
