import { describe, expect, it } from 'vitest'
import type { IpAddress, OriginalDestination } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { backendKey, identity, ip, service, settings, to, workload } from '#mesh/testing/mesh.ts'
import type { Workload } from '#mesh/workload.ts'
import { type Application, application } from '../testing/application.ts'
import { FakeLayer, type FakeStream, FakeTunnel } from '../testing/fake-tunnels.ts'
import { recordedConnections, revoking, self, settledView, trusting } from '../testing/pictures.ts'
import { tcpPair, watched } from '../testing/sockets.ts'
import { TunnelPool } from '../tunnel/pool.ts'
import { type Update, View } from '../view/view.ts'
import { Affinity } from './affinity.ts'
import { ConnectError } from './connect-error.ts'
import { dial } from './dial.ts'
import { outbound } from './outbound.ts'

const own = new Set([ip('10.77.0.9')])
const http = { services: { [backendKey]: [{ servicePort: 80, targetPort: 8080 }] } }
const backend = workload('backend', ['10.77.0.1'], http)
const virtual = to('10.77.100.1', 80)
const known: Update = { workloads: [backend], services: [service(['10.77.100.1'])] }

interface Options {
  readonly ask?: (ip: IpAddress) => void
  /** Whether the control plane would tell of changes; it would by default. */
  readonly inStep?: boolean
  /** The addresses where somebody answers a knock; nowhere by default. */
  readonly answering?: readonly string[]
}

/** A client of this pod that the kernel redirected on its way to `destination`. */
async function dialled(
  view: View,
  destination: { ip: string; port: number },
  { ask = () => {}, inStep = true, answering = [] }: Options = {},
) {
  const layer = new FakeLayer(({ target, succeed }) => succeed(new FakeTunnel(target)))
  const pair = await tcpPair()
  const client = watched(pair.outer)
  const { connections, reported } = recordedConnections(view)
  const asked: IpAddress[] = []
  const knocked: IpAddress[] = []
  const original = to(destination.ip, destination.port) as OriginalDestination
  const story = outbound(pair.inner, original, {
    view,
    connections,
    tunnels: new TunnelPool(layer),
    affinity: new Affinity(),
    own,
    ask: async (address) => {
      asked.push(address)
      ask(address)
    },
    inStep: () => inStep,
    knocks: {
      dial(address, signal) {
        knocked.push(address.ip)
        if (!answering.includes(address.ip)) return dial(address, signal)
        return Promise.reject(new ConnectError('meshed_since', 'somebody answers', { retryable: true }))
      },
    },
  })
  const stream = async (): Promise<FakeStream> => {
    await expect.poll(() => layer.tunnels[0]?.opened.length, { interval: 1 }).toBe(1)
    return layer.tunnels[0]!.opened[0]!
  }
  return {
    socket: pair.outer,
    client,
    story,
    stream,
    asked,
    knocked,
    layer,
    connections,
    record: () => reported[0],
  }
}

/** A pod outside the mesh that listens on loopback. */
function plainPod(host: string, parts: Partial<Workload> = {}): Workload {
  return { ...workload('plain', [host], { tunnel: 'none' }), ...parts }
}

function at(host: string, app: Application): { ip: string; port: number } {
  return { ip: host, port: app.port }
}

describe('a connection of the application', () => {
  it('reaches a virtual address’s endpoint through a tunnel; the record tells the whole way', async () => {
    const { socket, client, story, stream, record } = await dialled(settledView(known), virtual)
    const { destination, leg, answer } = await stream()
    expect(destination).toEqual(to('10.77.0.1', 8080))
    answer({ kind: 'connected' })
    socket.end('question')
    await expect.poll(() => [leg.text, leg.fin]).toEqual(['question', true])
    leg.says('answer')
    leg.sink.ended()
    expect(await client.end).toBe('fin')
    leg.sink.closed()
    await story
    expect(client.text).toBe('answer')
    expect(record()).toMatchObject({
      direction: 'outbound',
      source: { ip: '10.77.0.9' },
      destination: virtual,
      service: { key: backendKey },
      endpoint: to('10.77.0.1', 8080),
      destinationWorkload: backend,
      peer: backend.identity,
      outcome: { kind: 'closed' },
      carried: { sent: 8, received: 6 },
      refusal: undefined,
    })
  })

  it.each<[string, Update, { ip: string; port: number }, string]>([
    ['nobody knows in the mesh', known, to('10.77.0.77', 80), 'unknown_in_mesh'],
    ['has no endpoint', { services: known.services ?? [] }, virtual, 'no_endpoints'],
    ['has no such port', known, to('10.77.100.1', 81), 'no_such_port'],
    [
      'lies outside',
      { settings: settings({ egress: 'registry-only' }) },
      to('203.0.113.1', 80),
      'egress_denied',
    ],
  ])(
    'to an address that %s is reset at once, with the reason in the record',
    async (_, update, destination, kind) => {
      const { client, story, record, layer } = await dialled(settledView(update), destination)
      await story
      expect(await client.end).toBe('reset')
      expect(record()?.refusal).toMatchObject({ kind: 'route', reason: { kind } })
      expect(layer.dials).toHaveLength(0)
    },
  )

  it('is reset before the mesh’s settings are known: nothing is guessed', async () => {
    const { client, story, record, asked } = await dialled(
      new View({ ownUid: self.uid }),
      to('203.0.113.1', 80),
    )
    await story
    expect(await client.end).toBe('reset')
    expect([record()?.refusal?.kind, asked]).toEqual(['not_ready', []])
  })

  it('is reset before everybody is known: whoever is not there yet is not outside', async () => {
    await using app = await application('127.0.0.7')
    const view = new View({ ownUid: self.uid })
    view.apply({ settings: settings(), workloads: [backend] })
    const early = await dialled(view, at('127.0.0.7', app))
    await early.story
    expect([await early.client.end, early.record()?.refusal?.kind]).toEqual(['reset', 'not_ready'])
    expect(app.connections).toEqual([])
    view.apply({ workloads: [self] })
    // A pod that goes is no longer published, and serves on.
    view.apply({ removedAddresses: [self.uid] })
    const { socket, story } = await dialled(view, at('127.0.0.7', app))
    await app.connection()
    socket.resetAndDestroy()
    await story
  })

  it('is reset when the endpoint cannot be reached', async () => {
    const { client, story, stream, record } = await dialled(settledView(known), virtual)
    ;(await stream()).answer({ kind: 'status', status: 401 })
    await story
    expect(await client.end).toBe('reset')
    expect(record()?.refusal).toMatchObject({ kind: 'upstream', failure: 'denied_by_peer' })
  })

  it.each<[string, { ip: string; port: number }, number]>([
    ['the canary', to('10.77.0.9', ports.canary), ports.canary],
    ['the outbound listener', to('10.77.0.9', ports.outbound), ports.outbound],
    ['the inbound listener, by a service', virtual, ports.inbound],
  ])('to %s of the pod itself is reset once, and not dialled', async (_, destination, port) => {
    const services = { [backendKey]: [{ servicePort: 80, targetPort: ports.inbound }] }
    const itself = workload('self', ['10.77.0.9'], { services })
    const view = settledView({ workloads: [itself], services: [service(['10.77.100.1'])] })
    const { client, story, record, connections } = await dialled(view, destination)
    await story
    expect(await client.end).toBe('reset')
    expect(record()).toMatchObject({ destination, endpoint: undefined })
    expect(record()?.refusal).toEqual({ kind: 'forbidden_port', port })
    expect(connections.size).toBe(0)
  })

  it('to the pod itself goes there directly, in plaintext', async () => {
    await using app = await application('127.0.0.2')
    const view = settledView()
    const pair = await tcpPair()
    const { connections } = recordedConnections(view)
    const layer = new FakeLayer()
    const story = outbound(pair.inner, to('127.0.0.2', app.port) as OriginalDestination, {
      view,
      connections,
      tunnels: new TunnelPool(layer),
      affinity: new Affinity(),
      own: new Set([ip('127.0.0.2')]),
      ask: () => Promise.resolve(),
      inStep: () => false,
      knocks: { dial: () => Promise.reject(new Error('nobody knocks at home')) },
    })
    const { heard } = await app.connection()
    pair.outer.write('hello')
    await heard.received(5)
    pair.outer.resetAndDestroy()
    await story
    expect(layer.dials).toHaveLength(0)
  })
})

describe('an address of the mesh that the view lacks', () => {
  it('is asked for, and reached when the answer says who is there', async () => {
    const view = settledView()
    const { stream, asked, socket, story } = await dialled(view, to('10.77.0.1', 80), {
      ask: () => view.apply(known),
    })
    const { destination, answer, leg } = await stream()
    expect([destination, asked]).toEqual([to('10.77.0.1', 80), ['10.77.0.1']])
    answer({ kind: 'connected' })
    await expect.poll(() => leg.paused).toBe(false)
    socket.resetAndDestroy()
    await story
  })

  it('is not asked for when it lies outside, or is known to lead nowhere', async () => {
    const registryOnly = { settings: settings({ egress: 'registry-only' }) }
    const outside = await dialled(settledView(registryOnly), to('203.0.113.1', 80))
    const nowhere = await dialled(settledView({ services: known.services ?? [] }), virtual)
    await Promise.all([outside.story, nowhere.story])
    expect([outside.asked, nowhere.asked]).toEqual([[], []])
  })
})

describe('a pod outside the mesh, while nobody would say that its address changed hands', () => {
  const host = '127.0.0.5'
  const inMesh = { settings: settings({ networks: ['127.0.0.0/8'] }) }

  async function reached(update: Update, options: Options): Promise<readonly IpAddress[]> {
    await using app = await application(host)
    const view = settledView(update)
    const { socket, story, knocked } = await dialled(view, at(host, app), options)
    await app.connection()
    socket.resetAndDestroy()
    await story
    return knocked
  }

  it('is reached once nobody has answered at its tunnel port', async () => {
    expect(await reached({ ...inMesh, workloads: [plainPod(host)] }, { inStep: false })).toEqual([host])
  })

  it('is not dialled where somebody answers: the record tells why', async () => {
    await using app = await application(host)
    const view = settledView({ ...inMesh, workloads: [plainPod(host)] })
    const gone = await dialled(view, at(host, app), { inStep: false, answering: [host] })
    await gone.story
    expect(await gone.client.end).toBe('reset')
    expect(gone.record()?.refusal).toMatchObject({ kind: 'upstream', failure: 'meshed_since' })
    expect(app.connections).toEqual([])
  })

  it.each<[string, Update, Options]>([
    ['the control plane would say', { ...inMesh, workloads: [plainPod(host)] }, { inStep: true }],
    ['it lies outside of the mesh’s networks', { workloads: [plainPod(host)] }, { inStep: false }],
    [
      'it has its node’s address',
      { ...inMesh, workloads: [plainPod(host, { hostNetwork: true })] },
      { inStep: false },
    ],
  ])('is reached without a knock where %s', async (_, update, options) => {
    expect(await reached(update, { ...options, answering: [host] })).toEqual([])
  })
})

describe('a live connection through a tunnel', () => {
  async function after(change: Update) {
    const view = settledView(known)
    const { socket, client, story, stream, record } = await dialled(view, virtual)
    const { leg, answer } = await stream()
    answer({ kind: 'connected' })
    await expect.poll(() => leg.paused).toBe(false)
    view.apply(change)
    const cut = leg.aborted !== undefined
    if (!cut) {
      leg.says('still here')
      await client.received(10)
      socket.resetAndDestroy()
    }
    await story
    if (cut) expect(await client.end).toBe('reset')
    return record()?.refusal
  }

  it.each<[string, Update, string]>([
    ['its peer is no more', { removedAddresses: [backend.uid] }, 'peer_gone'],
    [
      'its peer has another address',
      { workloads: [{ ...backend, addresses: [ip('10.77.0.2')] }] },
      'peer_gone',
    ],
    [
      'its peer has another account',
      { workloads: [{ ...backend, identity: identity('other') }] },
      'peer_gone',
    ],
    [
      'its peer has the same account of another namespace',
      { workloads: [{ ...backend, identity: identity('backend', 'pay') }] },
      'peer_gone',
    ],
    ['its peer left the mesh', { workloads: [{ ...backend, tunnel: 'none' }] }, 'route_changed'],
    ['the root of its peer is no longer trusted', { trust: trusting('new') }, 'peer_untrusted'],
    ['the certificate of its peer is revoked', { trust: revoking('01') }, 'peer_revoked'],
  ])('is cut when %s', async (_, change, kind) => {
    expect(await after(change)).toMatchObject({ kind })
  })

  it.each<[string, Update]>([
    ['its peer is no longer ready', { workloads: [{ ...backend, health: 'unhealthy' }] }],
    ['the service is no more', { removedAddresses: [backendKey] }],
    ['a root is added', { trust: trusting('root', 'new') }],
    ['another certificate is revoked', { trust: revoking('02') }],
    ['another pod comes', { workloads: [workload('other', ['10.77.0.5'])] }],
  ])('stays when %s', async (_, change) => {
    expect(await after(change)).toBeUndefined()
  })

  it('that the mesh changed under while it was made is not made', async () => {
    const view = settledView(known)
    const { client, story, stream, record } = await dialled(view, virtual)
    const { leg, answer } = await stream()
    view.apply({ removedAddresses: [backend.uid] })
    answer({ kind: 'connected' })
    await story
    expect([await client.end, record()?.refusal?.kind]).toEqual(['reset', 'peer_gone'])
    expect(leg.aborted).toBeDefined()
    expect(record()?.connectMs).toBeUndefined()
  })
})

describe('a live connection in plaintext', () => {
  async function after(host: string, before: Update, change: (address: string) => Update) {
    await using app = await application(host)
    const view = settledView(before)
    const { socket, client, story, record } = await dialled(view, at(host, app))
    const { heard, socket: server } = await app.connection()
    server.write('hello')
    await client.received(5)
    view.apply(change(host))
    socket.write('still here')
    if (record() === undefined) {
      await Promise.race([heard.received(10), story])
      socket.resetAndDestroy()
    }
    await story
    await heard.end
    return record()?.refusal?.kind
  }

  it('to a pod outside the mesh is cut when that pod comes into it, or goes', async () => {
    const plain = plainPod('127.0.0.3')
    const before = { workloads: [plain] }
    expect(await after('127.0.0.3', before, () => ({ workloads: [{ ...plain, tunnel: 'hbone' }] }))).toBe(
      'route_changed',
    )
    expect(await after('127.0.0.3', before, () => ({ removedAddresses: [plain.uid] }))).toBe('peer_gone')
    expect(await after('127.0.0.3', before, () => ({ trust: trusting('new') }))).toBeUndefined()
  })

  it('to the outside is cut when its address turns out to be of the mesh, or egress ends', async () => {
    const inside = () => ({ settings: settings({ networks: ['127.0.0.0/8'] }) })
    expect(await after('127.0.0.4', {}, inside)).toBe('route_changed')
    const pod = (address: string) => ({ workloads: [workload('pod', [address])] })
    expect(await after('127.0.0.4', {}, pod)).toBe('route_changed')
    const closed = () => ({ settings: settings({ egress: 'registry-only' }) })
    expect(await after('127.0.0.4', {}, closed)).toBe('route_changed')
    expect(await after('127.0.0.4', {}, () => ({ trust: trusting('new') }))).toBeUndefined()
  })
})
