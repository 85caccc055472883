import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Leg, Sink } from '../../proxy/leg.ts'
import { streamLeg } from './stream-leg.ts'

/** Writes down what a leg tells. */
function scribe(): Sink & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    data: (bytes) => void told.push(`data ${bytes.toString()}`),
    ended: () => void told.push('ended'),
    aborted: (cause) => void told.push(`aborted ${cause.message}`),
    drained: () => void told.push('drained'),
    closed: () => void told.push('closed'),
  }
}

describe('a leg over any stream', () => {
  function leg(wasAborted: () => boolean): {
    stream: PassThrough
    leg: Leg
    sink: ReturnType<typeof scribe>
  } {
    const stream = new PassThrough({ allowHalfOpen: true })
    const sink = scribe()
    const leg = streamLeg(stream, {
      reset: (cause) => void stream.destroy(cause),
      wasAborted,
      wasSent: () => stream.writableFinished,
    })
    leg.read(sink)
    return { stream, leg, sink }
  }

  it('tells an end that was in truth an abort as an abort alone', async () => {
    const { stream, sink } = leg(() => true)
    stream.resume().end('x')
    await expect
      .poll(() => sink.told.filter((line) => !line.startsWith('data')))
      .toEqual(['aborted the connection was reset'])
  })

  it('tells an abort after the end as an abort, not as a close', async () => {
    let aborted = false
    const { stream, sink } = leg(() => aborted)
    stream.resume().end()
    stream.once('end', () => {
      aborted = true
    })
    await expect.poll(() => sink.told).toEqual(['ended', 'aborted the connection was reset'])
  })

  it('tells the stream’s own error as the cause', async () => {
    const { stream, sink } = leg(() => false)
    stream.destroy(new Error('cable cut'))
    await expect.poll(() => sink.told).toEqual(['aborted cable cut'])
  })

  it('tells a close without an end as an abort', async () => {
    const { stream, sink } = leg(() => false)
    stream.destroy()
    await expect.poll(() => sink.told).toEqual(['aborted the connection was reset'])
  })
})
