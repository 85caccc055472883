import { describe, expect, it } from 'vitest'
import type { OriginalDestination } from '#mesh/address.ts'
import { forbiddenAuthorityPorts } from '#mesh/ports.ts'
import { identity, ip, settings, to, workload } from '#mesh/testing/mesh.ts'
import type { Workload } from '#mesh/workload.ts'
import { type Application, application } from '../testing/application.ts'
import { FakeLeg } from '../testing/fake-leg.ts'
import { policy, recordedConnections, revoking, self, settledView, trusting } from '../testing/pictures.ts'
import { tcpPair, watched } from '../testing/sockets.ts'
import type { TunnelRequest } from '../tunnel/tunnel.ts'
import { type Update, View } from '../view/view.ts'
import { inboundPlaintext, inboundTunnel } from './inbound.ts'

const own = new Set(self.addresses)
const frontend = workload('frontend', ['10.77.0.2'])
const denyFrontend = policy('deny-frontend', 'deny', { serviceAccounts: [frontend.identity] })
const strict = policy('strict', 'deny', { notPrincipals: [{ kind: 'presence' }] })

/** This pod, with these policies on it. */
function under(...authorizations: readonly ReturnType<typeof policy>[]): Update {
  return { workloads: [held(...authorizations.map(({ key }) => key))], authorizations }
}

function held(...authorizationPolicies: readonly string[]): Workload {
  return { ...self, authorizationPolicies }
}

/** A request of `frontend`, answered by the code under test. */
function asked(view: View, authority: string, peer: Partial<TunnelRequest['peer']> = {}) {
  const recorded = recordedConnections(view)
  const answers: (string | number)[] = []
  const leg = new FakeLeg()
  const request: TunnelRequest = {
    authority,
    peer: {
      identity: frontend.identity,
      serial: '02',
      roots: ['root'],
      notAfter: Number.MAX_SAFE_INTEGER,
      ...peer,
    },
    peerIp: ip('10.77.0.2'),
    leg,
    accept: () => void answers.push('accepted'),
    reject: (status) => void answers.push(status),
  }
  const story = inboundTunnel(request, { view, connections: recorded.connections, own })
  return { ...recorded, answers, leg, story, record: () => recorded.reported[0] }
}

function at(app: Application): string {
  return `127.0.0.1:${app.port}`
}

describe('a peer’s request', () => {
  it.each([
    '',
    'localhost:80',
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    'http://127.0.0.1:80',
    '[127.0.0.1]:80',
  ])('for an authority that is no address and port is answered 400: %j', async (authority) => {
    const { story, answers, record } = asked(settledView(), authority)
    await story
    expect(answers).toEqual([400])
    expect(record()?.refusal).toEqual({ kind: 'bad_authority', authority })
  })

  it('is told in the log in so many letters at most', async () => {
    const { story, record } = asked(settledView(), 'x'.repeat(100_000))
    await story
    expect(record()?.refusal).toEqual({ kind: 'bad_authority', authority: 'x'.repeat(200) })
  })

  it.each(['127.0.0.2:80', '10.77.0.2:80', '[::1]:80', '8.8.8.8:53'])(
    'for an address of another is answered 400: nobody is a relay: %s',
    async (authority) => {
      const { story, answers, record } = asked(settledView(), authority)
      await story
      expect(answers).toEqual([400])
      expect(record()?.refusal).toMatchObject({ kind: 'not_my_address' })
    },
  )

  it.each([...forbiddenAuthorityPorts])('for port %d, the sidecar’s own, is answered 400', async (port) => {
    const { story, answers, record } = asked(settledView(), `127.0.0.1:${port}`)
    await story
    expect(answers).toEqual([400])
    expect(record()?.refusal).toEqual({ kind: 'forbidden_port', port })
  })

  it('is answered 503 where the application does not listen', async () => {
    const app = await application()
    await app[Symbol.asyncDispose]()
    const { story, answers, record } = asked(settledView(), at(app))
    await story
    expect(answers).toEqual([503])
    expect(record()?.refusal).toMatchObject({ kind: 'upstream', failure: 'connection_refused' })
  })

  it('is carried to the application where policy permits it; the record tells who it was', async () => {
    await using app = await application()
    const allow = policy('allow', 'allow', { serviceAccounts: [frontend.identity] })
    const { story, answers, leg, record, connected, connections } = asked(
      settledView({ ...under(allow) }),
      at(app),
    )
    const { socket, heard } = await app.connection()
    await expect.poll(() => answers).toEqual(['accepted'])
    expect([connected.length, connections.size]).toEqual([1, 1])
    leg.says('question')
    leg.sink.ended()
    expect(await heard.end).toBe('fin')
    expect(heard.text).toBe('question')
    socket.end('answer')
    await expect.poll(() => leg.fin).toBe(true)
    expect(leg.text).toBe('answer')
    leg.sink.closed()
    await story
    expect(record()).toMatchObject({
      direction: 'inbound',
      peer: frontend.identity,
      peerSerial: '02',
      source: { ip: '10.77.0.2' },
      destination: to('127.0.0.1', app.port),
      allowedBy: { policy: 'shop/allow', rule: 0 },
      refusal: undefined,
      outcome: { kind: 'closed' },
      carried: { sent: 8, received: 6 },
    })
  })

  it('that is given up before the dial is done reaches no application', async () => {
    await using app = await application()
    const { story, leg, answers, record } = asked(settledView(), at(app))
    expect(leg.paused).toBe(true)
    leg.sink.aborted(new Error('RST_STREAM'))
    await story
    expect(answers).not.toContain('accepted')
    expect(record()?.refusal).toMatchObject({ kind: 'upstream', failure: 'cancelled' })
    expect(app.connections).toEqual([])
  })

  it('that is given up during the dial does not leave the application connected', async () => {
    await using app = await application()
    const { story, leg } = asked(settledView(), at(app))
    const { heard } = await app.connection()
    await expect.poll(() => leg.paused).toBe(false)
    leg.sink.aborted(new Error('RST_STREAM'))
    await story
    expect(await heard.end).toBe('reset')
  })
})

describe('the checks of a request', () => {
  /** All that can be wrong at once, and what puts each of it right, in the order in which it is told. */
  it('come in this order: authority, address, port, readiness, trust, policy, application', async () => {
    const view = new View({ ownUid: self.uid })
    const tell = async (authority: string) => {
      const { story, answers, record } = asked(view, authority, { roots: ['old'] })
      await story
      const refusal = record()?.refusal
      return [answers[0], refusal?.kind === 'not_ready' ? refusal.missing : refusal?.kind]
    }
    expect(await tell('nonsense')).toEqual([400, 'bad_authority'])
    expect(await tell('127.0.0.2:15008')).toEqual([400, 'not_my_address'])
    expect(await tell('127.0.0.1:15008')).toEqual([400, 'forbidden_port'])
    expect(await tell('127.0.0.1:9')).toEqual([503, expect.stringContaining('settings')])
    view.apply({ settings: settings() })
    expect(await tell('127.0.0.1:9')).toEqual([503, 'its own workload'])
    view.apply({ workloads: [held(denyFrontend.key)] })
    expect(await tell('127.0.0.1:9')).toEqual([401, expect.stringMatching(/trust|untrusted/)])
    view.apply({ trust: trusting('new') })
    expect(await tell('127.0.0.1:9')).toEqual([401, 'peer_untrusted'])
    view.apply({ trust: trusting('new', 'old') })
    expect(await tell('127.0.0.1:9')).toEqual([401, 'policy'])
    view.apply({ authorizations: [denyFrontend] })
    expect(await tell('127.0.0.1:9')).toEqual([401, 'policy'])
    view.apply({ workloads: [held()] })
    expect(await tell('127.0.0.1:9')).toEqual([503, 'upstream'])
  })

  it('find the connection registered already', async () => {
    const view = settledView(under(denyFrontend))
    const { connections, reported } = recordedConnections(view)
    let live = 0
    const request = { ...requestOf(frontend), reject: () => void (live = connections.size) }
    await inboundTunnel(request, { view, connections, own })
    expect([live, connections.size, reported.length]).toEqual([1, 0, 1])
  })

  it('refuse while a policy that is named has not arrived, and name it', async () => {
    const view = settledView({ workloads: [held('shop/late')] })
    const { story, answers, record } = asked(view, '127.0.0.1:9')
    await story
    expect(answers).toEqual([401])
    expect(record()?.refusal).toEqual({
      kind: 'policy',
      reason: { kind: 'policy_missing', policy: 'shop/late' },
    })
  })

  it('refuse a peer whose address belongs to somebody else', async () => {
    const view = settledView({ workloads: [workload('thief', ['10.77.0.2'])] })
    const { story, answers, record } = asked(view, '127.0.0.1:9')
    await story
    expect(answers).toEqual([401])
    expect(record()?.refusal).toEqual({ kind: 'peer_gone', identity: frontend.identity })
  })

  it('tell what a dry-run policy would have denied, and let it pass', async () => {
    await using app = await application()
    const dry = { ...denyFrontend, dryRun: true }
    const { story, leg, record } = asked(settledView(under(dry)), at(app))
    await app.connection()
    await expect.poll(() => leg.paused).toBe(false)
    leg.sink.aborted(new Error('done'))
    await story
    expect(record()).toMatchObject({
      refusal: undefined,
      wouldDeny: [expect.stringContaining('deny-frontend')],
    })
  })
})

describe('a live connection', () => {
  /** Opens one, changes the view, and tells what became of the connection. */
  async function after(
    change: Update,
    before: Update = { workloads: [frontend] },
    peer: Partial<TunnelRequest['peer']> = {},
  ) {
    await using app = await application()
    const view = settledView(before)
    const { story, leg, record, connections } = asked(view, at(app), peer)
    const { heard } = await app.connection()
    await expect.poll(() => leg.paused).toBe(false)
    view.apply(change)
    const cut = leg.aborted !== undefined
    if (!cut) {
      leg.says('still here')
      await heard.received(10)
      expect(connections.size).toBe(1)
      leg.sink.aborted(new Error('done'))
    }
    await story
    expect(await heard.end).toBe('reset')
    return record()?.refusal
  }

  it.each<[string, Update, string]>([
    ['a policy that denies it arrives', under(denyFrontend), 'policy'],
    ['a policy arrives that allows others alone', under(policy('allow', 'allow')), 'policy'],
    ['the root of its peer is no longer trusted', { trust: trusting('new') }, 'peer_untrusted'],
    ['the certificate of its peer is revoked', { trust: revoking('02') }, 'peer_revoked'],
    ['its peer is no more', { removedAddresses: [frontend.uid] }, 'peer_gone'],
    [
      'the pod at its peer’s address has another identity',
      { workloads: [{ ...frontend, identity: identity('other') }] },
      'peer_gone',
    ],
  ])('is cut when %s', async (_, change, kind) => {
    expect(await after(change)).toMatchObject({ kind })
  })

  it.each<[string, Update]>([
    ['a policy arrives that does not concern it', under(policy('deny', 'deny', { destinationPorts: [1] }))],
    ['a root is added', { trust: trusting('root', 'new') }],
    ['another certificate is revoked', { trust: revoking('03') }],
    ['its peer is no longer ready', { workloads: [{ ...frontend, health: 'unhealthy' }] }],
    ['another pod is no more', { removedAddresses: ['Kubernetes//Pod/shop/other'] }],
    ['plaintext is refused from now on', under(strict)],
  ])('stays when %s', async (_, change) => {
    expect(await after(change)).toBeUndefined()
  })

  it('of a peer of another namespace stays when the view narrows to its own', async () => {
    const far = { ...frontend, namespace: 'pay', identity: identity('frontend', 'pay') }
    const narrow = { settings: settings({ sidecarScope: 'namespace' }), removedAddresses: [far.uid] }
    const peer = { identity: far.identity }
    expect(await after(narrow, { workloads: [far] }, peer)).toBeUndefined()
    expect(await after({ removedAddresses: [far.uid] }, { workloads: [far] }, peer)).toMatchObject({
      kind: 'peer_gone',
    })
    expect(await after({ ...narrow, removedAddresses: [frontend.uid] })).toMatchObject({ kind: 'peer_gone' })
  })

  it('of a peer that the view had not heard of stays when it does', async () => {
    expect(await after({ workloads: [frontend] }, {})).toBeUndefined()
  })

  it('of a peer that the view heard of later is cut when that peer is no more', async () => {
    await using app = await application()
    const view = settledView()
    const { story, leg, record } = asked(view, at(app))
    await app.connection()
    await expect.poll(() => leg.paused).toBe(false)
    view.apply({ workloads: [frontend] })
    expect(leg.aborted).toBeUndefined()
    view.apply({ removedAddresses: [frontend.uid] })
    await expect.poll(() => leg.aborted).toBeDefined()
    await story
    expect(record()?.refusal).toEqual({ kind: 'peer_gone', identity: frontend.identity })
  })

  it('is cut while the application is still being dialled', async () => {
    await using app = await application()
    const view = settledView()
    const { story, answers, record } = asked(view, at(app))
    view.apply(under(denyFrontend))
    await story
    expect(answers).not.toContain('accepted')
    expect(record()?.refusal).toMatchObject({ kind: 'policy' })
  })
})

describe('a connection in plaintext', () => {
  /** A client at `source` that the kernel redirected on its way to the application. */
  async function plaintext(
    view: View,
    destination: { ip: string; port: number },
    source = '10.78.0.1',
    answer: (address: string) => void = () => {},
  ) {
    const pair = await tcpPair()
    const client = watched(pair.outer)
    const { connections, reported } = recordedConnections(view)
    const original = to(destination.ip, destination.port) as OriginalDestination
    const asked: string[] = []
    const ask = (address: string) => {
      asked.push(address)
      answer(address)
      return Promise.resolve()
    }
    const inbound = { view, connections, own, ask }
    const story = inboundPlaintext(pair.inner, original, to(source, 40_000), inbound)
    return { pair, client, story, asked, record: () => reported[0] }
  }

  it('passes where nothing forbids it, and the record has no identity for it', async () => {
    await using app = await application()
    const view = settledView({ workloads: [frontend] })
    const { pair, client, story, record } = await plaintext(
      view,
      { ip: '127.0.0.1', port: app.port },
      '10.77.0.2',
    )
    const { socket, heard } = await app.connection()
    pair.outer.end('question')
    expect(await heard.end).toBe('fin')
    socket.end('answer')
    expect(await client.end).toBe('fin')
    await story
    expect([heard.text, client.text]).toEqual(['question', 'answer'])
    expect(record()).toMatchObject({ peer: undefined, refusal: undefined, source: { workload: frontend } })
  })

  it('never gets an identity from its address: an Allow for it admits nobody without mutual TLS', async () => {
    const allow = policy('allow', 'allow', { serviceAccounts: [frontend.identity] })
    const view = settledView({ ...under(allow), workloads: [held(allow.key), frontend] })
    const { client, story, record } = await plaintext(view, { ip: '127.0.0.1', port: 9 }, '10.77.0.2')
    await story
    expect(await client.end).toBe('reset')
    expect(record()?.refusal).toMatchObject({ kind: 'policy', reason: { kind: 'no_allow_matched' } })
  })

  it.each<[string, Update, { ip: string; port: number }, string]>([
    ['to a third address routed through the pod', {}, { ip: '127.0.0.2', port: 80 }, 'not_my_address'],
    ['to the sidecar’s own port', {}, { ip: '127.0.0.1', port: 15006 }, 'forbidden_port'],
    ['under strict', under(strict), { ip: '127.0.0.1', port: 9 }, 'policy'],
    [
      'before a policy has arrived',
      { workloads: [held('shop/late')] },
      { ip: '127.0.0.1', port: 9 },
      'policy',
    ],
    ['to an application that does not listen', {}, { ip: '127.0.0.1', port: 9 }, 'upstream'],
  ])('is reset without a byte %s', async (_, update, destination, kind) => {
    const { client, story, record } = await plaintext(settledView(update), destination)
    await story
    expect(await client.end).toBe('reset')
    expect([client.bytes, record()?.refusal?.kind]).toEqual([0, kind])
  })

  it('is reset before the sidecar knows enough to judge', async () => {
    const { client, story, record } = await plaintext(new View({ ownUid: self.uid }), {
      ip: '127.0.0.1',
      port: 9,
    })
    await story
    expect(await client.end).toBe('reset')
    expect(record()?.refusal?.kind).toBe('not_ready')
  })

  it('from the address of a meshed pod is refused where the mesh says so, and of others is not', async () => {
    const plain = workload('plain', ['10.77.0.3'], { tunnel: 'none' })
    const view = settledView({
      workloads: [frontend, plain],
      settings: settings({ rejectPlaintextFromMesh: true }),
    })
    const refused = await plaintext(view, { ip: '127.0.0.1', port: 9 }, '10.77.0.2')
    await refused.story
    expect(refused.record()?.refusal).toEqual({ kind: 'plaintext_from_mesh', claimed: frontend.identity })
    for (const source of ['10.77.0.3', '10.78.0.1']) {
      const { story, record } = await plaintext(view, { ip: '127.0.0.1', port: 9 }, source)
      await story
      expect(record()?.refusal).toMatchObject({ kind: 'upstream' })
    }
  })

  it('from an address of the mesh that nobody told of is refused once the control plane says who has it', async () => {
    const refusing = settings({ rejectPlaintextFromMesh: true, networks: ['10.77.0.0/16'] })
    const view = settledView({ settings: refusing })
    const tells = () => view.apply({ workloads: [frontend] })
    const told = await plaintext(view, { ip: '127.0.0.1', port: 9 }, '10.77.0.2', tells)
    await told.story
    expect(told.asked).toEqual(['10.77.0.2'])
    expect(told.record()?.source.workload).toBe(frontend)
    expect(told.record()?.refusal).toEqual({ kind: 'plaintext_from_mesh', claimed: frontend.identity })
    // Nobody is asked of who is known, or is not of the mesh.
    for (const source of ['10.77.0.2', '10.78.0.1']) {
      const { story, asked } = await plaintext(view, { ip: '127.0.0.1', port: 9 }, source)
      await story
      expect(asked).toEqual([])
    }
  })

  it('is cut when strict is switched on', async () => {
    await using app = await application()
    const view = settledView()
    const { client, story, record } = await plaintext(view, { ip: '127.0.0.1', port: app.port })
    const { heard, socket } = await app.connection()
    socket.write('hello')
    await client.received(5)
    view.apply(under(strict))
    await story
    expect([await client.end, await heard.end]).toEqual(['reset', 'reset'])
    expect(record()).toMatchObject({ refusal: { kind: 'policy' }, outcome: { kind: 'cut' } })
  })
})

function requestOf(pod: Workload): TunnelRequest {
  return {
    authority: '127.0.0.1:9',
    peer: { identity: pod.identity, serial: '02', roots: ['root'], notAfter: Number.MAX_SAFE_INTEGER },
    peerIp: pod.addresses[0]!,
    leg: new FakeLeg(),
    accept: () => {},
    reject: () => {},
  }
}
