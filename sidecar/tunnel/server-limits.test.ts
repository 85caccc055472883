import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect, test, vi } from 'vitest'
import type * as realPorts from '#mesh/ports.ts'
import { ports } from '#mesh/ports.ts'
import type { Certificate } from '../credentials/certificate.ts'
import { defaultLimits } from '../limits.ts'
import { TestPki } from '../testing/pki.ts'
import { contexts, served } from '../testing/tunnel-ends.ts'
import { frame, RawPeer, word } from './frames/testing/raw-peer.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const own = contexts(pki.certificate('backend'), pki.trust())

/** A tunnel in the hands of a test, by somebody's certificate. */
async function tunnel({ key, chain }: Certificate): Promise<{ socket: TLSSocket; peer: RawPeer }> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: ports.hbone,
    key,
    cert: chain,
    ca: [...pki.trust().roots],
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  })
  await once(socket, 'secureConnect')
  return { socket, peer: new RawPeer(socket, 'client') }
}

test('a peer has an eighth of the tunnels, whatever it does, and others have theirs', async () => {
  await using ends = await served(own, () => {}, { ...defaultLimits, inboundTunnels: 16 })
  const frontend = pki.certificate('frontend')
  const [one, two] = [await tunnel(frontend), await tunnel(frontend)]
  await Promise.all([one.peer.settle(), two.peer.settle()])
  const three = await tunnel(frontend)
  await expect(three.peer.settle()).rejects.toThrow('the connection ended')
  expect(await ends.refused('too_many_tunnels')).toBe(1)
  const other = await tunnel(pki.certificate('other'))
  await other.peer.settle()
  expect(ends.server.tunnels).toBe(3)

  one.socket.destroy()
  await expect.poll(() => ends.server.tunnels).toBe(2)
  const four = await tunnel(frontend)
  await four.peer.settle()
  for (const { socket } of [two, four, other]) socket.destroy()
})

test('resets on one tunnel count on the next one of the same peer', async () => {
  await using ends = await served(own, () => {}, { ...defaultLimits, peerResetsPerSecond: 1 })
  const frontend = pki.certificate('frontend')
  const one = await tunnel(frontend)
  for (let id = 1; id <= 19; id += 2) one.peer.send(one.peer.connect(id), frame('rstStream', 0, id, word(8)))
  await one.peer.settle()
  one.socket.destroy()
  const two = await tunnel(frontend)
  two.peer.send(two.peer.connect(1))
  await two.peer.until(({ type }) => type === 'rstStream')
  expect(await ends.refused('reset_budget')).toBe(1)
  const other = await tunnel(pki.certificate('other'))
  other.peer.send(other.peer.connect(1))
  await other.peer.settle()
  expect(ends.requests).toHaveLength(11)
  for (const { socket } of [two, other]) socket.destroy()
})

test('a handshake too many is reset, and one that fails leaves no connection open', async () => {
  await using ends = await served(own, () => {}, { ...defaultLimits, handshakes: 8 })
  const idle = await opened()
  await expect(ended(connectTcp(ports.hbone, '127.0.0.1'))).resolves.toBe('ECONNRESET')
  expect(await ends.refused('too_many_handshakes')).toBe(1)
  expect(ends.server.handshakes).toBe(1)
  idle.write('GET / HTTP/1.1\r\n\r\n')
  await ended(idle)
  expect(await ends.refused('tls_failed')).toBe(1)
  await expect.poll(() => ends.server.handshakes).toBe(0)
})

async function opened(): Promise<Socket> {
  const socket = connectTcp(ports.hbone, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** The error that a connection ended with; `closed` without one. */
function ended(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.once('close', () => resolve('closed')).resume()
  })
}
