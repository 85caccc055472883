import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { noise, tcpPair, watched } from '../testing/sockets.ts'
import { socketLeg } from './socket-leg.ts'

it.each([
  ['open', () => {}],
  [
    'ended by the peer',
    (outer: Socket) => {
      outer.end()
    },
  ],
])('a connection, %s, whose descriptor goes is reset: no FIN that nobody meant', async (_, before) => {
  using pair = await tcpPair()
  socketLeg(pair.inner)
  pair.inner.resume()
  const heard = watched(pair.outer)
  before(pair.outer)
  pair.inner.write('half of what there i')
  await heard.received(20)
  // What the kernel does with every descriptor of a process that was killed.
  pair.inner.destroy()
  expect(await heard.end).toBe('reset')
})

it('one that ended before the process went loses nothing of what is still on its way', async () => {
  using pair = await tcpPair()
  const leg = socketLeg(pair.inner)
  leg.resume()
  const answer = noise(400_000)
  pair.outer.pause().end('a question')
  await once(pair.inner, 'end')
  leg.write(answer.bytes)
  leg.end()
  await once(pair.inner, 'close')
  // More lies in the kernel now than the peer has taken.
  const heard = watched(pair.outer)
  pair.outer.resume()
  expect(await heard.end).toBe('fin')
  expect(heard.sha256).toBe(answer.sha256)
})

it('nor does one whose peer ends last', async () => {
  using pair = await tcpPair()
  const leg = socketLeg(pair.inner)
  leg.resume()
  const heard = watched(pair.outer)
  leg.write(Buffer.from('all of it'))
  leg.end()
  expect(await heard.end).toBe('fin')
  pair.outer.end()
  await once(pair.outer, 'close')
  expect(pair.outer.errored).toBeNull()
  expect(heard.text).toBe('all of it')
})
