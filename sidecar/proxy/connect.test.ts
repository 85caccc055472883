import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'
import { service, to, workload } from '#mesh/testing/mesh.ts'
import { RefusedError } from '../connections/refusal.ts'
import { FakeLeg } from '../testing/fake-leg.ts'
import { type FakeDial, FakeLayer, type FakeStream, FakeTunnel } from '../testing/fake-tunnels.ts'
import { recordedConnections, settledView } from '../testing/pictures.ts'
import { noise, portOf, watched } from '../testing/sockets.ts'
import { TunnelPool } from '../tunnel/pool.ts'
import type { TunnelReply } from '../tunnel/tunnel.ts'
import { Affinity } from './affinity.ts'
import { type Connector, connect } from './connect.ts'
import { ConnectError } from './connect-error.ts'
import { dial } from './dial.ts'

const connected: TunnelReply = { kind: 'connected' }
const unprocessed: TunnelReply = { kind: 'unprocessed', cause: new Error('REFUSED_STREAM') }
const lost: TunnelReply = { kind: 'lost', cause: new Error('session gone') }
const status = (code: number): TunnelReply => ({ kind: 'status', status: code })

let server: Server | undefined
afterEach(() => server?.close())

function meshed(last: number): Endpoint {
  const pod = workload(`pod-${last}`, [`10.77.0.${last}`])
  return { address: to(`10.77.0.${last}`, 8080) as EndpointAddress, workload: pod, transport: 'hbone' }
}

/** An application outside the mesh, on loopback. */
async function plain(): Promise<Endpoint> {
  server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return {
    address: to('127.0.0.1', portOf(server)) as EndpointAddress,
    workload: undefined,
    transport: 'plain',
  }
}

const dialUnmeshed: Connector['dialUnmeshed'] = ({ address }, signal) => dial(address, signal)

/** Connects a client to endpoints that are tried in the order in which they are given. */
function connecting(
  endpoints: readonly Endpoint[],
  onDial = (dial: FakeDial) => dial.succeed(new FakeTunnel(dial.target)),
  other: Partial<Pick<Connector, 'stillHolds' | 'dialUnmeshed'>> = {},
) {
  const layer = new FakeLayer(onDial)
  const view = settledView()
  const { connections } = recordedConnections(view)
  const record = connections.open('outbound', { ip: to('127.0.0.1', 1).ip })
  for (const [i, { address }] of endpoints.entries()) {
    const loads = Array.from({ length: i }, () => connections.open('outbound', { ip: to('127.0.0.1', 1).ip }))
    for (const load of loads) connections.assign(load, address)
  }
  const client = new FakeLeg()
  const route = { kind: 'endpoints', service: service([]), endpoints } as const
  const upstream = connect(route, client, record, {
    tunnels: new TunnelPool(layer),
    affinity: new Affinity(),
    connections,
    stillHolds: () => undefined,
    dialUnmeshed,
    ...other,
  })
  upstream.catch(() => {})
  const streams = (): FakeStream[] => layer.tunnels.flatMap((tunnel) => tunnel.opened)
  /** The n-th stream that is opened, counted from 0. */
  const stream = async (n: number): Promise<FakeStream> => {
    await expect.poll(() => streams().length, { interval: 1 }).toBeGreaterThan(n)
    return streams()[n]!
  }
  return { layer, connections, record, client, upstream, streams, stream }
}

describe('a connection through a tunnel', () => {
  it('is made when the far end says so; the record tells who that proved to be', async () => {
    const endpoint = meshed(1)
    const { upstream, record, stream } = connecting([endpoint])
    const { destination, answer, leg } = await stream(0)
    expect(destination).toEqual(endpoint.address)
    answer(connected)
    expect(await upstream).toMatchObject({ leg, endpoint, peer: { identity: endpoint.workload?.identity } })
    expect(record).toMatchObject({
      peer: endpoint.workload?.identity,
      peerSerial: '01',
      keyExchange: 'X25519MLKEM768',
      endpoint: endpoint.address,
      destinationWorkload: endpoint.workload,
      service: { name: 'backend' },
    })
  })

  it('carries what the client sends before the answer', async () => {
    const { client, stream, record, upstream } = connecting([meshed(1)])
    const { leg, answer } = await stream(0)
    client.says('no round trip')
    expect(leg.text).toBe('no round trip')
    answer(connected)
    await upstream
    expect(record.carried.sent).toBe(13)
  })
})

describe('another attempt', () => {
  it.each<[string, number, TunnelReply]>([
    ['on another stream of the same endpoint when the first was not looked at', 1, unprocessed],
    ['at another endpoint when the first cannot reach its application', 2, status(503)],
  ])('is made %s; it is told everything byte for byte', async (_, pods, reply) => {
    const { client, stream, upstream, record, streams } = connecting([meshed(1), meshed(2)].slice(0, pods))
    const { bytes } = noise(60_000)
    const first = await stream(0)
    client.says(bytes.subarray(0, 20_000))
    client.says(bytes.subarray(20_000, 40_000))
    first.answer(reply)
    const second = await stream(1)
    client.says(bytes.subarray(40_000))
    client.sink.ended()
    second.answer(connected)
    expect((await upstream).leg).toBe(second.leg)
    expect(Buffer.from(second.leg.text, 'latin1').equals(bytes)).toBe(true)
    expect([second.leg.fin, record.carried.sent]).toEqual([true, 60_000])
    expect(streams()[0]?.destination).toEqual(meshed(1).address)
    expect(streams()[1]?.destination).toEqual(meshed(pods).address)
  })

  it('is made at another endpoint when no tunnel to the first can be had', async () => {
    const dial = (dial: FakeDial): void => {
      if (dial.target.ip === '10.77.0.1')
        dial.fail(new ConnectError('connection_refused', 'x', { retryable: true }))
      else dial.succeed(new FakeTunnel(dial.target))
    }
    const { stream, upstream, record } = connecting([meshed(1), meshed(2)], dial)
    const second = await stream(0)
    second.answer(connected)
    await upstream
    expect(record).toMatchObject({ endpoint: meshed(2).address, peer: meshed(2).workload?.identity })
  })

  it('leaves what was said to the caller where the other endpoint is known not to be meshed', async () => {
    const outside = await plain()
    const { client, stream, upstream } = connecting([meshed(1), outside])
    const accepted = once(server!, 'connection') as Promise<[Socket]>
    const first = await stream(0)
    client.says('said to the first')
    client.sink.ended()
    first.answer(status(503))
    const [socket] = await accepted
    const heard = watched(socket)
    const { leg, prelude } = await upstream
    expect(heard.text).toBe('')
    prelude!.feed(leg)
    expect(await heard.end).toBe('fin')
    expect(heard.text).toBe('said to the first')
  })

  it('is made on four streams of one endpoint, then at the next, at three endpoints in all', async () => {
    const { streams, stream, upstream } = connecting([meshed(1), meshed(2), meshed(3), meshed(4)])
    for (let i = 0; i < 12; i++) (await stream(i)).answer(unprocessed)
    await expect(upstream).rejects.toMatchObject({ failure: 'unavailable_at_peer' })
    const asked = streams().map(({ destination }) => destination.ip)
    expect(asked).toHaveLength(12)
    expect([...new Set(asked)]).toHaveLength(3)
  })

  it.each([
    [status(400), 'rejected_by_peer'],
    [status(401), 'denied_by_peer'],
    [status(404), 'rejected_by_peer'],
    [lost, 'tunnel_lost'],
  ] as const)('is never made after %j', async (reply, failure) => {
    const { stream, streams, upstream, layer } = connecting([meshed(1), meshed(2)])
    ;(await stream(0)).answer(reply)
    await expect(upstream).rejects.toMatchObject({ name: 'ConnectError', failure })
    expect([streams().length, layer.dials.length]).toEqual([1, 1])
  })

  it('is never made after an identity that cannot be had at all, or limits of this process', async () => {
    const dial = ({ fail }: FakeDial): void => fail(new ConnectError('no_certificate', 'no certificate yet'))
    const { layer, upstream } = connecting([meshed(1), meshed(2)], dial)
    await expect(upstream).rejects.toMatchObject({ failure: 'no_certificate' })
    expect(layer.dials).toHaveLength(1)
  })

  it('ends with the last failure where every endpoint fails', async () => {
    const dial = ({ target, fail }: FakeDial): void => {
      fail(new ConnectError('connection_refused', `nobody at ${target.ip}`, { retryable: true }))
    }
    const { layer, upstream, record } = connecting([meshed(1), meshed(2)], dial)
    await expect(upstream).rejects.toThrow('nobody at 10.77.0.2')
    expect(layer.dials).toHaveLength(2)
    expect(record.peer).toBeUndefined()
  })

  it('counts towards the load of the endpoint that it goes to, and of no other', async () => {
    const { stream, upstream, connections } = connecting([meshed(1), meshed(2)])
    ;(await stream(0)).answer(status(503))
    const second = await stream(1)
    expect([connections.load(meshed(1).address), connections.load(meshed(2).address)]).toEqual([0, 2])
    second.answer(connected)
    await upstream
  })
})

describe('while the far end has not answered', () => {
  it('a client that goes away ends it, the stream with it', async () => {
    const { client, stream, upstream, streams } = connecting([meshed(1), meshed(2)])
    const { leg } = await stream(0)
    client.sink.aborted(new Error('reset by client'))
    await expect(upstream).rejects.toMatchObject({ failure: 'cancelled' })
    expect(leg.aborted).toBeDefined()
    expect(streams()).toHaveLength(1)
  })

  it('a client that goes away during the dial leaves no stream behind', async () => {
    const { client, layer, upstream, streams } = connecting([meshed(1)], () => {})
    await expect.poll(() => layer.dials.length, { interval: 1 }).toBe(1)
    client.sink.aborted(new Error('reset by client'))
    await expect(upstream).rejects.toMatchObject({ failure: 'cancelled' })
    layer.dials[0]?.succeed(new FakeTunnel(layer.dials[0].target))
    await new Promise((resolve) => setImmediate(resolve))
    expect(streams()).toHaveLength(0)
  })

  it('a cut ends it, with the reason of the cut', async () => {
    const { record, stream, upstream, streams } = connecting([meshed(1), meshed(2)])
    const { leg } = await stream(0)
    record.cut({ kind: 'drained' })
    await expect(upstream).rejects.toBeInstanceOf(RefusedError)
    expect(leg.aborted).toBeInstanceOf(RefusedError)
    expect(streams()).toHaveLength(1)
  })

  it('a cut ends a dial that nobody answers', async () => {
    const { record, upstream } = connecting([meshed(1)], () => {})
    record.cut({ kind: 'drained' })
    await expect(upstream).rejects.toBeInstanceOf(RefusedError)
  })
})

describe('a route that changes', () => {
  it('before an attempt ends it: nothing is dialled', async () => {
    const { upstream, layer } = connecting([meshed(1)], undefined, {
      stillHolds: () => ({ kind: 'route_changed' }),
    })
    await expect(upstream).rejects.toMatchObject({ refusal: { kind: 'route_changed' } })
    expect(layer.dials).toHaveLength(0)
  })

  it('while the far end owes its answer cuts what is being made', async () => {
    let changed = false
    const { upstream, stream, record } = connecting([meshed(1)], undefined, {
      stillHolds: () => (changed ? { kind: 'route_changed' } : undefined),
    })
    const { leg } = await stream(0)
    changed = true
    record.recheck()
    await expect(upstream).rejects.toMatchObject({ refusal: { kind: 'route_changed' } })
    expect(leg.aborted).toBeDefined()
  })
})

describe('a connection in plaintext', () => {
  it('reaches an endpoint that is known not to be meshed, without reading the client ahead', async () => {
    const outside = await plain()
    const { upstream, client, layer } = connecting([outside])
    const { leg, endpoint, peer } = await upstream
    expect([endpoint, peer, layer.dials.length]).toEqual([outside, undefined, 0])
    expect(client.paused).toBe(true)
    leg.abort(new Error('done'))
  })

  it('that is refused, since a meshed pod may have the address by now, is tried at another endpoint', async () => {
    const outside = await plain()
    const meshedSince = new ConnectError('meshed_since', 'somebody answers', { retryable: true })
    const refusing = { dialUnmeshed: () => Promise.reject(meshedSince) }
    const { upstream, stream } = connecting([outside, meshed(1)], undefined, refusing)
    ;(await stream(0)).answer(connected)
    expect(await upstream).toMatchObject({ endpoint: meshed(1) })
    const alone = connecting([outside], undefined, refusing)
    await expect(alone.upstream).rejects.toMatchObject({ failure: 'meshed_since' })
  })

  it('passes on what lies outside the mesh', async () => {
    const { address } = await plain()
    const view = settledView()
    const { connections } = recordedConnections(view)
    const record = connections.open('outbound', { ip: address.ip })
    const tunnels = new TunnelPool(new FakeLayer())
    const upstream = await connect({ kind: 'passthrough', address }, new FakeLeg(), record, {
      tunnels,
      affinity: new Affinity(),
      connections,
      stillHolds: () => undefined,
      dialUnmeshed,
    })
    expect(upstream).toMatchObject({ endpoint: undefined, peer: undefined })
    expect(record.endpoint).toEqual(address)
    upstream.leg.abort(new Error('done'))
  })
})
