import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as realPorts from '#mesh/ports.ts'
import { ports } from '#mesh/ports.ts'
import { ip } from '#mesh/testing/mesh.ts'
import { Heard } from '../testing/heard.ts'
import { TestPki } from '../testing/pki.ts'
import { noise } from '../testing/sockets.ts'
import {
  type Contexts,
  contexts,
  destination,
  openStream,
  type ServedTunnels,
  served,
} from '../testing/tunnel-ends.ts'
import { framesLayer } from './frames/layer.ts'
import { stillTrusted } from './peer.ts'
import type { Tunnel, TunnelStream } from './tunnel.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const frontend = pki.certificate('frontend')
const never = new AbortController().signal

let source: Contexts
let ends: ServedTunnels
let tunnel: Tunnel
beforeEach(async () => {
  source = contexts(pki.certificate('backend'), pki.trust())
  ends = await served(source)
  tunnel = await dialled()
})
afterEach(async () => {
  vi.useRealTimers()
  tunnel.destroy(new Error('the test is over'))
  await ends[Symbol.asyncDispose]()
})

function dialled(certificate = frontend): Promise<Tunnel> {
  const target = { ip: ip('127.0.0.1'), identity: source.own.identity }
  return framesLayer(contexts(certificate, pki.trust())).dial(target, never)
}

const stream = () => openStream(tunnel, ends)

describe('a renewal at the far end', () => {
  it('lets live streams live to their own end, and no new one begin', async () => {
    const live = await stream()
    source.own = pki.certificate('backend')
    await ends.server.refresh()
    await expect.poll(() => tunnel.usable).toBe(false)
    live.nearLeg.write(noise(1_000_000).bytes)
    await live.far.received(1_000_000)
    live.nearLeg.end()
    expect(await live.far.end).toBe('fin')
    live.farLeg.write(Buffer.from('whole'))
    live.farLeg.end()
    expect([await live.near.whole, live.near.text]).toEqual(['closed', 'whole'])

    const next = await dialled()
    expect(next.peer.serial).toBe(source.own.serial)
    await openStream(next, ends)
    next.destroy(new Error('done'))
  })

  it('never loses a stream that crossed with it: it is served, or was not looked at', async () => {
    // One stream keeps the tunnel up; others are asked for before the far end's word can have come.
    await stream()
    answering(ends)
    const refreshed = ends.server.refresh()
    const crossed = Array.from({ length: 20 }, () => tunnel.open(destination))
    await refreshed
    const replies = await Promise.all(crossed.map(({ reply }) => reply))
    expect(replies.map(({ kind }) => kind)).not.toContain('lost')
  })

  it.each(['at once', 'in a moment'])('loses no stream of an idle tunnel that asks %s', async (when) => {
    answering(ends)
    const kinds = new Set<string>()
    for (let round = 0; round < 30; round++) {
      const idle = await dialled()
      if (when === 'in a moment') await new Promise((resolve) => setTimeout(resolve, 5))
      const refreshed = ends.server.refresh()
      const opened: TunnelStream[] = []
      for (let i = 0; i < 3 && idle.usable; i++) {
        opened.push(idle.open(destination))
        opened.at(-1)?.leg.write(Buffer.from('optimistic'))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await refreshed
      for (const { reply } of opened) kinds.add((await reply).kind)
      await expect.poll(() => idle.usable, { interval: 1 }).toBe(false)
      idle.destroy(new Error('done'))
    }
    expect([...kinds]).not.toContain('lost')
  })
})

it.each(['at once', 'in a moment'])(
  'never believes a peer of a root that is gone, which asks %s',
  async (when) => {
    for (let round = 0; round < 10; round++) {
      source.roots = pki.trust()
      await ends.server.refresh()
      const idle = await dialled()
      if (when === 'in a moment') await new Promise((resolve) => setTimeout(resolve, 5))
      source.roots = new TestPki().trust()
      await ends.server.refresh()
      const { reply } = idle.usable ? idle.open(destination) : { reply: undefined }
      await Promise.race([reply, new Promise((resolve) => setTimeout(resolve, 20))])
      idle.destroy(new Error('done'))
    }
    for (const { peer } of ends.requests) expect(stillTrusted(peer, source.roots)).toBe(false)
  },
)

describe('an expired certificate', () => {
  it('of the far end lets no new stream begin, and live ones live', async () => {
    source.own = pki.certificate('backend', { notAfter: Date.now() + 3_600_000 })
    await ends.server.refresh()
    const short = await dialled()
    const live = await openStream(short, ends)
    expect(short.usable).toBe(true)
    vi.useFakeTimers({ toFake: ['Date'], now: short.peer.notAfter })
    expect(short.usable).toBe(false)
    live.nearLeg.write(Buffer.from('still here'))
    await live.far.received(10)
    short.destroy(new Error('done'))
  })

  it('of this end lets no new stream begin', async () => {
    const certificate = pki.certificate('frontend', { notAfter: Date.now() + 3_600_000 })
    const short = await dialled(certificate)
    vi.useFakeTimers({ toFake: ['Date'], now: certificate.notAfter - 1 })
    expect(short.usable).toBe(true)
    vi.setSystemTime(certificate.notAfter)
    expect(short.usable).toBe(false)
    short.destroy(new Error('done'))
  })

  it('of a peer that goes on asking is not served, and its live streams live', async () => {
    const { key, chain } = pki.certificate('frontend', { notAfter: Date.now() + 2_000 })
    const options = { host: '127.0.0.1', port: ports.hbone, ALPNProtocols: ['h2'], ca: pki.trust().roots }
    const socket = connectTls({ ...options, key, cert: chain, checkServerIdentity: () => undefined })
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    const session = connectHttp2('https://hbone', { createConnection: () => socket })
    session.on('error', () => {})
    const ask = () => {
      const asked = session.request({ ':method': 'CONNECT', ':authority': '10.77.0.1:8080' })
      asked.on('error', () => {})
      return asked
    }
    const live = ask()
    const request = await ends.request()
    const far = new Heard(request.leg)
    request.accept()
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, request.peer.notAfter - Date.now()) + 20))
    await new Promise((resolve) => setTimeout(resolve, 100))
    let answered = false
    if (!session.closed) {
      const late = ask().on('response', () => {
        answered = true
      })
      await new Promise((resolve) => late.once('close', resolve))
    }
    expect([answered, ends.requests.length]).toEqual([false, 1])
    live.write('still here')
    await far.received(10)
    session.destroy()
  })
})

/** Accepts whatever is asked for from now on. */
function answering({ requests }: ServedTunnels): void {
  for (const request of requests) request.accept()
  requests.push = (...added) => {
    for (const request of added) request.accept()
    return added.length
  }
}
