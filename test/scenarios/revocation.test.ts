import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Busy } from '#test/harness/busy.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { Intruder, type Leaf } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import type { AccessRecord, Sidecar } from '#test/harness/sidecar.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'
import { runWeft } from '../../cli/testing/run-weft.ts'

// One of two pods of a service account is revoked, as an operator does it, while everybody is busy.
describe.skipIf(lacks('revocation'))('weft identity revoke', () => {
  let mesh: Mesh
  let stolen: Workload
  let sibling: Workload
  let bob: Workload
  let atBob: Listener
  let atStolen: Listener
  let intruder: Intruder
  /** Whoever took the pod over has a certificate of its own. */
  let leaf: Leaf

  beforeAll(async () => {
    mesh = await startMesh()
    ;[stolen, sibling, bob] = await Promise.all([
      mesh.workload('alice-1', { serviceAccount: 'alice' }),
      mesh.workload('alice-2', { serviceAccount: 'alice' }),
      mesh.workload('bob'),
    ])
    atBob = await Listener.open(bob, 8080)
    atStolen = await Listener.open(stolen, 8080)
    intruder = new Intruder(mesh, stolen)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test('cuts what the pod is connected to, at both ends and in both directions, within a second', async () => {
    leaf = await intruder.leaf()
    expect(await intruder.ask(bob, leaf, connectTo(bob))).toBe(200)
    using from = await Busy.start(stolen, `${bob.ip}:8080`, atBob)
    using to = await Busy.start(bob, `${stolen.ip}:8080`, atStolen)
    using others = await Busy.start(sibling, `${bob.ip}:8080`, atBob)
    const { at, certificates } = await revoke(stolen)
    // The sidecar's own, and the one that was stolen.
    expect(certificates).toBe(2)
    for (const connection of [from, to]) {
      const cut = await connection.cut()
      expect(cut.ends).toEqual(['reset', 'reset'])
      expect(performance.timeOrigin + cut.at - at).toBeLessThan(1_000)
    }
    for (const direction of ['inbound', 'outbound']) {
      const record = await bob.sidecar.access('of the cut', told(direction, 'cut'))
      expect(record).toMatchObject({
        reason: 'peer_revoked',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
        detail: expect.stringMatching(/certificate [0-9A-F]{32} /),
      })
    }
    await others.carries()
    expect(await others.finish()).toBeGreaterThan(5)
    expect(await intruder.ask(bob, leaf, connectTo(bob))).toBe('refused')
  })

  test('refuses what comes after, in both directions', async () => {
    const before = await refusedAsRevoked(bob.sidecar)
    expect(await Conversation.refusal(stolen, `${bob.ip}:8080`)).toBe('reset')
    expect(await refusedAsRevoked(bob.sidecar)).toBeGreaterThan(before)
    expect(await Conversation.refusal(bob, `${stolen.ip}:8080`)).toBe('reset')
    await bob.sidecar.access('of a refusal', told('outbound', 'refused'))
    using welcome = await converse(sibling, `${bob.ip}:8080`, atBob)
    expect(welcome.server.end).toBeUndefined()
  })

  test('gives the pod no certificate and no stream any more', async () => {
    await expect(intruder.leaf()).rejects.toThrow()
    await until('its sidecar to be refused', () => {
      const refused = mesh.controlPlane.log.filter(({ reason }) => reason === 'pod_revoked')
      const messages = new Set(refused.map(({ message }) => message))
      return messages.has('certificate refused') && messages.has('a stream was refused')
    })
    expect(await mesh.controlPlane.metrics()).toContain(
      'weft_push_streams_refused_total{reason="pod_revoked"}',
    )
  })

  test('holds before the next control plane serves anybody, and its predecessor had no time to say goodbye', async () => {
    await mesh.controlPlane.kill()
    await mesh.controlPlane.start()
    const carol = await mesh.workload('carol')
    using _application = await Listener.open(carol, 8080)
    expect(await intruder.ask(carol, leaf, connectTo(carol))).toBe('refused')
    expect(await refusedAsRevoked(carol.sidecar)).toBeGreaterThan(0)
    await expect(intruder.leaf()).rejects.toThrow()
    using welcome = await converse(sibling, `${bob.ip}:8080`, atBob)
    expect(welcome.server.end).toBeUndefined()
  })

  test('is lifted by --undo', async () => {
    expect((await weft('--undo')).status).toBe(0)
    await until('the pod to be welcome again', async () => {
      using welcome = await converse(stolen, `${bob.ip}:8080`, atBob)
      return welcome.server.end === undefined
    })
    await intruder.leaf()
  })

  function weft(...args: readonly string[]) {
    const { namespace, name } = stolen.entry
    const directory = ['--state-dir', mesh.controlPlane.stateDirectory]
    return runWeft(['identity', 'revoke', `${namespace}/${name}`, ...directory, ...args])
  }

  /** Revokes as an operator does; `at` is when the request was made, in milliseconds since 1970. */
  async function revoke({ name }: Workload): Promise<{ at: number; certificates: number }> {
    const { status, stdout, stderr } = await weft('--reason', 'stolen', '-o', 'json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })
    const document = JSON.parse(stdout) as { pod: string; at: string; certificates: number }
    expect(document.pod).toBe(name)
    return { at: Date.parse(document.at), certificates: document.certificates }
  }
})

function connectTo({ ip }: Workload): { readonly ':authority': string } {
  return { ':authority': `${ip}:8080` }
}

function told(direction: string, outcome: string): (record: AccessRecord) => boolean {
  return (record) =>
    record['direction'] === direction && record['outcome'] === outcome && record['reason'] === 'peer_revoked'
}

function refusedAsRevoked(sidecar: Sidecar): Promise<number> {
  return sidecar.metric('weft_inbound_refused_total', { reason: 'peer_revoked' })
}
