import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import type * as realPorts from '#mesh/ports.ts'
import { ip, to } from '#mesh/testing/mesh.ts'
import { pump } from '../proxy/pump.ts'
import { socketLeg } from '../proxy/socket-leg.ts'
import { Heard } from '../testing/heard.ts'
import { TestPki } from '../testing/pki.ts'
import { noise, tcpPair, watched } from '../testing/sockets.ts'
import {
  contexts,
  destination,
  openStream,
  requestedStream,
  type ServedTunnels,
  served,
} from '../testing/tunnel-ends.ts'
import { framesLayer } from './frames/layer.ts'
import type { Tunnel } from './tunnel.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const frontend = pki.certificate('frontend')
const backend = pki.certificate('backend')
const never = new AbortController().signal

let ends: ServedTunnels
let tunnel: Tunnel
beforeEach(async () => {
  ends = await served(contexts(backend, pki.trust()))
  const target = { ip: ip('127.0.0.1'), identity: backend.identity }
  tunnel = await framesLayer(contexts(frontend, pki.trust())).dial(target, never)
})
afterEach(async () => {
  tunnel.destroy(new Error('the test is over'))
  await ends[Symbol.asyncDispose]()
})

const requested = () => requestedStream(tunnel, ends)
const stream = () => openStream(tunnel, ends)

describe('a stream', () => {
  it('says where it goes, by whom, and that it was accepted', async () => {
    const { reply } = tunnel.open(destination)
    const request = await ends.request()
    expect(request).toMatchObject({
      authority: '10.77.0.1:8080',
      peerIp: '127.0.0.1',
      peer: { identity: frontend.identity, serial: frontend.serial },
    })
    expect(tunnel.streams).toBe(1)
    request.accept()
    expect(await reply).toEqual({ kind: 'connected' })
  })

  it('writes IPv6 in brackets', async () => {
    void tunnel.open(to('fd77::1', 80) as EndpointAddress)
    expect((await ends.request()).authority).toBe('[fd77::1]:80')
  })

  it.each([400, 401, 503] as const)('says that it was refused: %d', async (status) => {
    const { reply } = tunnel.open(destination)
    ;(await ends.request()).reject(status)
    expect(await reply).toEqual({ kind: 'status', status })
    await expect.poll(() => tunnel.streams).toBe(0)
    expect(tunnel.usable).toBe(true)
  })

  it('that is refused says so also while bytes are on their way', async () => {
    const { reply, leg } = tunnel.open(destination)
    leg.write(noise(200_000).bytes)
    ;(await ends.request()).reject(503)
    expect(await reply).toEqual({ kind: 'status', status: 503 })
    await expect.poll(() => tunnel.streams).toBe(0)
  })

  it('brings what was sent ahead of the answer', async () => {
    const { leg, reply } = tunnel.open(destination)
    leg.write(Buffer.from('no round trip'))
    leg.end()
    const request = await ends.request()
    const far = new Heard(request.leg)
    expect([await far.end, far.text]).toEqual(['fin', 'no round trip'])
    request.accept()
    expect(await reply).toEqual({ kind: 'connected' })
  })

  it('is answered once; what comes after that changes nothing', async () => {
    const { reply } = tunnel.open(destination)
    const request = await ends.request()
    request.accept()
    request.accept()
    request.reject(503)
    expect(await reply).toEqual({ kind: 'connected' })
  })

  it('that its peer aborts without an answer is lost: nobody knows how far it got', async () => {
    const { reply } = tunnel.open(destination)
    ;(await ends.request()).leg.abort(new Error('no'))
    expect(await reply).toMatchObject({ kind: 'lost' })
  })
})

describe('a FIN', () => {
  it('goes either way alone', async () => {
    const { near, far, nearLeg, farLeg } = await stream()
    nearLeg.write(Buffer.from('question'))
    nearLeg.end()
    expect([await far.end, far.text]).toEqual(['fin', 'question'])
    farLeg.write(Buffer.from('ans'))
    await near.received(3)
    farLeg.write(Buffer.from('wer'))
    farLeg.end()
    expect([await near.end, near.text]).toEqual(['fin', 'answer'])
    expect([await near.whole, await far.whole]).toEqual(['closed', 'closed'])
    expect(tunnel.streams).toBe(0)
  })

  it('of the far end comes first where the server speaks last', async () => {
    const { near, far, nearLeg, farLeg } = await stream()
    farLeg.write(Buffer.from('220 ready'))
    farLeg.end()
    expect([await near.end, near.text]).toEqual(['fin', '220 ready'])
    nearLeg.write(Buffer.from('still here'))
    nearLeg.end()
    expect([await far.end, far.text]).toEqual(['fin', 'still here'])
    expect([await near.whole, await far.whole]).toEqual(['closed', 'closed'])
  })

  it('comes behind everything that was sent before it, however slow its reader is', async () => {
    const { near, far, nearLeg, farLeg } = await stream()
    const [up, down] = [noise(20_000_000, 1), noise(20_000_000, 2)]
    const nap = setInterval(() => {
      farLeg.pause()
      setTimeout(() => farLeg.resume(), 2)
    }, 4)
    const sent = Promise.all([near.send(up.bytes), far.send(down.bytes)])
    await sent
    nearLeg.end()
    farLeg.end()
    expect([await near.end, await far.end]).toEqual(['fin', 'fin'])
    clearInterval(nap)
    expect([near.sha256, far.sha256]).toEqual([down.sha256, up.sha256])
    expect([await near.whole, await far.whole]).toEqual(['closed', 'closed'])
  })
})

describe('a stream that goes on to an application', () => {
  async function pumped() {
    const { near, nearLeg, request } = await requested()
    const pair = await tcpPair()
    const carried = { sent: 0, received: 0 }
    const outcome = pump(request.leg, socketLeg(pair.inner), { signal: never, carried })
    return {
      near,
      nearLeg,
      application: pair.outer,
      outcome,
      [Symbol.dispose]: () => pair[Symbol.dispose](),
    }
  }

  it('is closed, and neither end reset, when the application ends last', async () => {
    using made = await pumped()
    const heard = watched(made.application)
    made.nearLeg.write(Buffer.from('question'))
    made.nearLeg.end()
    expect([await heard.end, heard.text]).toEqual(['fin', 'question'])
    made.application.end('answer')
    expect([await made.near.end, made.near.text]).toEqual(['fin', 'answer'])
    expect([await made.near.whole, await made.outcome]).toEqual(['closed', { kind: 'closed' }])
  })

  it('is closed, and neither end reset, when the client ends last', async () => {
    using made = await pumped()
    const heard = watched(made.application)
    made.application.end('220 ready')
    expect([await made.near.end, made.near.text]).toEqual(['fin', '220 ready'])
    made.nearLeg.write(Buffer.from('bye'))
    made.nearLeg.end()
    expect([await heard.end, heard.text]).toEqual(['fin', 'bye'])
    expect([await made.near.whole, await made.outcome]).toEqual(['closed', { kind: 'closed' }])
  })

  it('reaches an application that has ended, and reads slowly, to the last byte', async () => {
    using made = await pumped()
    const { bytes, sha256 } = noise(10_000_000)
    made.application.end()
    expect(await made.near.end).toBe('fin')
    const sent = made.near.send(bytes)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const heard = watched(made.application)
    made.application.pause()
    const sip = setInterval(() => {
      made.application.resume()
      setTimeout(() => made.application.pause(), 1)
    }, 4)
    await sent
    made.nearLeg.end()
    expect(await heard.end).toBe('fin')
    clearInterval(sip)
    expect(heard.sha256).toBe(sha256)
    expect(await made.outcome).toEqual({ kind: 'closed' })
  })
})

it('a client that ends last, and reads slowly, gets the whole answer', async () => {
  using pair = await tcpPair()
  const { leg, reply } = tunnel.open(destination)
  const request = await ends.request()
  request.accept()
  expect(await reply).toEqual({ kind: 'connected' })
  const far = new Heard(request.leg)
  const carried = { sent: 0, received: 0 }
  const outcome = pump(socketLeg(pair.inner), leg, { signal: never, carried })

  // As much as the sidecar takes for a client that reads nothing: some of it stays in the sidecar.
  const { bytes: piece } = noise(64 * 1024)
  let sent = 0
  while (pair.inner.writableLength === 0) {
    await far.send(piece)
    sent += piece.length
    while (carried.received < sent) await new Promise((resolve) => setImmediate(resolve))
  }
  request.leg.end()
  // More than the stream's window: its end leaves together with its last bytes, once the far end reads.
  request.leg.pause()
  pair.outer.end(noise(300_000).bytes)
  await expect.poll(() => carried.sent).toBe(300_000)
  request.leg.resume()
  expect([await far.end, await far.whole]).toEqual(['fin', 'closed'])
  const heard = watched(pair.outer)
  expect([await heard.end, heard.bytes]).toEqual(['fin', sent])
  expect(await outcome).toEqual({ kind: 'closed' })
})

describe('an abort', () => {
  const sides = [
    ['near', 'far'],
    ['far', 'near'],
  ] as const

  it.each(sides)('of the %s end is one at the %s end, before any byte', async (by, at) => {
    const made = await stream()
    made[`${by}Leg`].abort(new Error('cut'))
    expect(await made[at].end).toBe('reset')
    await expect.poll(() => tunnel.streams).toBe(0)
  })

  it.each(sides)('of the %s end is one at the %s end after data, and never an end', async (by, at) => {
    const made = await stream()
    made[`${by}Leg`].write(Buffer.from('half of it'))
    await made[at].received(10)
    made[`${by}Leg`].abort(new Error('cut'))
    expect(await made[at].end).toBe('reset')
  })

  it.each(sides)('of the %s end is one at the %s end that has sent its FIN', async (by, at) => {
    const made = await stream()
    made[`${at}Leg`].end()
    expect(await made[by].end).toBe('fin')
    made[`${by}Leg`].write(Buffer.from('half of it'))
    await made[at].received(10)
    made[`${by}Leg`].abort(new Error('cut'))
    expect(await made[at].end).toBe('reset')
  })

  it.each(sides)('of the %s end, which has sent its FIN, is one at the %s end', async (by, at) => {
    const made = await stream()
    made[`${by}Leg`].end()
    expect(await made[at].end).toBe('fin')
    made[`${by}Leg`].abort(new Error('cut'))
    expect(await made[at].whole).toBe('reset')
  })

  it('of one stream is nothing to another', async () => {
    const [one, other] = [await stream(), await stream()]
    one.farLeg.abort(new Error('cut'))
    expect(await one.near.end).toBe('reset')
    other.nearLeg.write(Buffer.from('x'))
    await other.far.received(1)
    expect(tunnel.usable).toBe(true)
  })

  it('of three thousand streams leaves the tunnel and its other streams alone', async () => {
    const kept = await stream()
    for (let round = 0; round < 60; round++) {
      const opened = Array.from({ length: 50 }, () => tunnel.open(destination))
      const replies = opened.map(({ reply }) => reply)
      for (const { leg } of opened) leg.abort(new Error('cut'))
      await Promise.all(replies)
    }
    kept.nearLeg.write(Buffer.from('unhindered'))
    await kept.far.received(10)
    expect(tunnel.usable).toBe(true)
  })
})

describe('a lost tunnel', () => {
  const losses: readonly (readonly [string, () => void])[] = [
    ['that this end cut', () => tunnel.destroy(new Error('cable'))],
    ['that the far end cut', () => ends.server.cut()],
  ]

  it.each(losses)('%s is an abort at both ends of its streams', async (_, lose) => {
    const { near, far } = await stream()
    lose()
    expect([await near.end, await far.end]).toEqual(['reset', 'reset'])
    expect(tunnel.usable).toBe(false)
  })

  it.each(losses)('%s is an abort of streams that this end has ended', async (_, lose) => {
    const { near, far, nearLeg } = await stream()
    nearLeg.end()
    expect(await far.end).toBe('fin')
    lose()
    expect([await near.end, await far.whole]).toEqual(['reset', 'reset'])
  })

  it.each(losses)('%s is an abort of streams that the far end has ended', async (_, lose) => {
    const { near, far, farLeg } = await stream()
    farLeg.end()
    expect(await near.end).toBe('fin')
    lose()
    expect([await near.whole, await far.end]).toEqual(['reset', 'reset'])
  })

  it.each(losses)('%s answers what was asked with a loss, never to be asked again', async (_, lose) => {
    const { reply } = tunnel.open(destination)
    await ends.request()
    lose()
    expect(await reply).toMatchObject({ kind: 'lost' })
  })

  it('tells those who asked, once', async () => {
    let told = 0
    tunnel.onClosed(() => {
      told += 1
    })
    tunnel.destroy(new Error('cable'))
    await expect.poll(() => told).toBe(1)
    tunnel.onClosed(() => {
      told += 1
    })
    expect(told).toBe(2)
  })
})

describe('a tunnel that this end retires', () => {
  it('is gone at once when it carries nothing', async () => {
    const closed = new Promise<void>((resolve) => tunnel.onClosed(resolve))
    tunnel.retire()
    expect(tunnel.usable).toBe(false)
    await closed
  })

  it('lets its streams live, and goes with the last of them', async () => {
    const [one, other] = [await stream(), await stream()]
    let gone = false
    tunnel.onClosed(() => {
      gone = true
    })
    tunnel.retire()
    expect(tunnel.usable).toBe(false)
    one.nearLeg.end()
    one.farLeg.end()
    expect(await one.near.whole).toBe('closed')
    other.nearLeg.write(Buffer.from('still '))
    other.farLeg.write(Buffer.from('here'))
    await Promise.all([other.far.received(6), other.near.received(4)])
    expect(gone).toBe(false)
    other.nearLeg.end()
    other.farLeg.end()
    expect([await other.near.whole, await other.far.whole]).toEqual(['closed', 'closed'])
    await expect.poll(() => gone).toBe(true)
  })
})
