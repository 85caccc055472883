import { expect, test } from 'vitest'
import { flag, largest31 } from './protocol.ts'
import { frame } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'

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
