import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { identity } from '#mesh/testing/mesh.ts'
import { flag, largest31 } from './protocol.ts'
import { frame } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'
import { FrameTunnel } from './tunnel.ts'

test('goes away in two steps: a stream that was on its way is still served', async () => {
  const { peer, session, requests, ending } = served()
  peer.send(peer.connect(1))
  await peer.settle()
  session.close()
  // Not handled before our PING has come back, so it is still welcome.
  peer.send(peer.connect(3))
  const warning = await peer.until(({ type }) => type === 'goaway')
  expect(warning.payload.readUInt32BE(0)).toBe(largest31)
  const ping = await peer.until(({ type, flags }) => type === 'ping' && flags === 0)
  await peer.settle()
  expect(requests.length).toBe(2)

  peer.send(frame('ping', flag.ack, 0, ping.payload))
  const last = await peer.until(
    ({ type, payload }) => type === 'goaway' && payload.readUInt32BE(0) !== largest31,
  )
  expect([last.payload.readUInt32BE(0), last.payload.readUInt32BE(4)]).toEqual([3, 0])
  peer.send(peer.connect(5))
  await peer.settle()
  expect(requests.length).toBe(2)
  expect(ending()).toBe('open')

  const sinks = requests.map(({ leg }) => RecordingSink.of(leg))
  peer.send(frame('data', flag.endStream, 1), frame('data', flag.endStream, 3))
  await Promise.all(sinks.map((sink) => sink.happened('ended')))
  for (const { leg } of requests) leg.end()
  await Promise.all(sinks.map((sink) => sink.happened('closed')))
  await peer.until(() => peer.seen.filter(({ flags, type }) => type === 'data' && flags === 1).length === 2)
  expect(ending()).toBeUndefined()
})

describe('a peer that is slow to read', () => {
  afterEach(() => void vi.useRealTimers())

  /** An end whose last words are on their way for as long as the test says. */
  function parting() {
    vi.useFakeTimers()
    const taken: (() => void)[] = []
    const socket = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => void taken.push(done) })
    const peer = {
      identity: identity('backend'),
      serial: '01',
      roots: ['root'],
      notAfter: Number.MAX_SAFE_INTEGER,
    }
    const tunnel = new FrameTunnel(socket, { peer, keyExchange: '', expires: Number.MAX_SAFE_INTEGER })
    let closed = false
    tunnel.onClosed(() => {
      closed = true
    })
    tunnel.retire()
    const takes = async (): Promise<void> => {
      for (let done = taken.shift(); done; done = taken.shift()) {
        done()
        await vi.advanceTimersByTimeAsync(0)
      }
    }
    return { socket, takes, closed: () => closed }
  }

  test('has as long for the last of it as a silent one is believed, and then five seconds to close', async () => {
    const { socket, takes, closed } = parting()
    await vi.advanceTimersByTimeAsync(20_000)
    expect([socket.destroyed, closed()]).toEqual([false, false])
    await takes()
    await vi.advanceTimersByTimeAsync(4_000)
    expect(socket.destroyed).toBe(false)
    await vi.advanceTimersByTimeAsync(2_000)
    expect([socket.destroyed, closed()]).toEqual([true, true])
  })

  test('is not waited for without end', async () => {
    const { socket } = parting()
    await vi.advanceTimersByTimeAsync(31_000)
    expect(socket.destroyed).toBe(true)
  })
})
