import { afterEach, expect, test } from 'vitest'
import { parseRotationStatus, rotationStatusKey } from '#mesh/rotation-status.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { Changeable } from '../changing.ts'
import { FileSigners } from '../file-signers.ts'
import { fileStatus } from '../revocation/identity-status.ts'
import { fingerprint, makeRoot, pluggedRoot, type Root } from '../root.ts'
import { StateDirectory } from '../state-directory.ts'
import { start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import type { Prospect } from './advance.ts'
import type { Client } from './followers.ts'
import { Roots } from './roots.ts'
import { Rotation } from './rotation.ts'
import { oldRoot, type RotationState, trustedRoots } from './state.ts'

const minute = 60_000
const day = 24 * 60 * minute
const timing = { dwell: minute, reissue: 4 * minute, limit: 60 * minute, lifetime: day, grace: 7 * day }

let open: Disposable[] = []
afterEach(() => {
  for (const each of open) each[Symbol.dispose]()
  open = []
})

/** A control plane's rotation over a folder, whose process may be killed and started again. */
async function world({ pods = ['1', '2'] } = {}) {
  const folder = temporaryFolder()
  const directory = new StateDirectory(folder.path)
  const clock = { now: start }
  const clients = new Map<string, Client>()
  const asked = new Changeable<string | undefined>(undefined)
  const { log, records } = recordingLog()
  const unwritten: string[] = []
  const prospect: { next: Prospect } = { next: 'ready' }
  const metrics = createMetrics()
  const status = fileStatus(directory)
  const begin = async () => {
    const store = new FileSigners(directory)
    const makeFirst = async () => makeRoot('cluster.local', clock.now)
    const options = { store, trustDomain: 'cluster.local', makeFirst, log, now: () => clock.now }
    const roots = await Roots.open(options)
    metrics.clear()
    const rotation = new Rotation({
      roots,
      trustDomain: 'cluster.local',
      timing,
      request: () => asked.current,
      asked,
      authority: {
        settled: true,
        prospect: () => prospect.next,
        ends: { issuer: start + day, serving: start + day },
      },
      unwritten: () => unwritten,
      audience: {
        pods: new Map(pods.map((podUid) => [podUid, `shop/pod-${podUid}`])),
        clients: () => clients.values(),
      },
      status,
      replica: undefined,
      log,
      metrics,
      now: () => clock.now,
    })
    return { roots, rotation }
  }
  let process = await begin()
  open.push({
    [Symbol.dispose]() {
      process.rotation.close()
      folder[Symbol.dispose]()
    },
  })
  return {
    clock,
    asked,
    clients,
    unwritten,
    prospect,
    records,
    metrics,
    state: () => process.roots.state.current,
    async look(passed = 0) {
      clock.now += passed
      await process.rotation.look()
    },
    async restart() {
      process.rotation.close()
      process = await begin()
    },
    offer: (root: Root) => process.roots.offer(root),
    async plugIn(signing: Root) {
      const { roots } = process
      await roots.move(roots.state.current, {
        phase: 'stable',
        signing,
        since: clock.now,
        handled: undefined,
      })
    },
    told,
  }
  async function told() {
    const text = (await status.read())[rotationStatusKey]
    return text === undefined ? undefined : parseRotationStatus(text)
  }
}

function says(podUid: string, state: RotationState<Root>, more: Partial<Client> = {}): Client {
  const own = fingerprint(state.signing)
  return { podUid, acknowledged: true, roots: { certificate: own, tunnels: new Set([own]) }, ...more }
}

test('a rotation goes through every phase, each of which survives a restart', async () => {
  const { clock, asked, clients, state, look, restart, told, metrics } = await world()
  const heardBy = (more: Partial<Client> = {}) => {
    for (const podUid of ['1', '2']) clients.set(podUid, says(podUid, state(), more))
  }
  await look()
  expect(await told()).toMatchObject({ phase: 'stable', waits: [], roots: [{ role: 'signing' }] })
  const first = fingerprint(state().signing)

  asked.set('2026-11-28T12:00:00Z')
  await look()
  expect(state().phase).toBe('spreading')
  const next = fingerprint(trustedRoots(state())[1]!)
  await restart()
  heardBy({ acknowledged: false })
  await look(timing.dwell)
  expect(await told()).toMatchObject({
    phase: 'spreading',
    waits: [{ kind: 'acknowledgement', count: 2, names: ['shop/pod-1', 'shop/pod-2'] }],
    followers: { total: 2, connected: 2, acknowledged: 0 },
  })
  heardBy()
  await look()
  expect(state().phase).toBe('reissuing')
  expect(fingerprint(state().signing)).toBe(next)
  expect(fingerprint(oldRoot(state())!)).toBe(first)
  await restart()
  // Their word is from before: their certificates are under the old root.
  const under = (root: string) => ({ certificate: root, tunnels: new Set([first]) })
  heardBy({ roots: under(first) })
  await look(timing.reissue)
  expect(await told()).toMatchObject({ phase: 'reissuing', waits: [{ kind: 'renewal', count: 2 }] })
  heardBy({ roots: under(next) })
  await look()
  expect(state().phase).toBe('retiring')
  await restart()
  await look(timing.dwell)
  expect(await told()).toMatchObject({
    phase: 'retiring',
    waits: [{ kind: 'tunnels', count: 2 }],
    followers: { certificatesUnderOld: 0, tunnelsUnderOld: 2 },
    graceEnds: new Date(state().since + timing.grace).toISOString(),
  })
  heardBy()
  await look()
  expect(await told()).toMatchObject({ phase: 'stable', handled: '2026-11-28T12:00:00Z' })
  expect(trustedRoots(state()).map(fingerprint)).toEqual([next])
  expect(await metrics.metrics()).toContain('weft_root_rotation_phase{phase="stable"} 1')

  await restart()
  await look(day)
  expect(state().phase).toBe('stable')
  expect(clock.now).toBeGreaterThan(start)
})

test('a root near its end is replaced unasked', async () => {
  const { state, look, records } = await world()
  const first = state().signing.certificate.validToDate.getTime() - start
  await look(0.79 * first)
  expect(state().phase).toBe('stable')
  await look(0.02 * first)
  expect(state().phase).toBe('spreading')
  expect(records).toContainEqual(expect.objectContaining({ why: 'the root nears its end' }))
})

test('pods that come while a phase lasts are not waited for, and those that stay away are named', async () => {
  const pods = ['1']
  const { asked, clients, state, look, told, records, unwritten } = await world({ pods })
  asked.set('2026-11-28T12:00:00Z')
  await look()
  unwritten.push('ConfigMap shop/weft-trust-bundle')
  pods.push('2')
  clients.set('2', says('2', state()))
  await look(timing.dwell)
  expect((await told())?.waits.map(({ kind, names }) => [kind, ...names])).toEqual([
    ['bundle', 'ConfigMap shop/weft-trust-bundle'],
    ['acknowledgement', 'shop/pod-1'],
  ])
  unwritten.length = 0
  await look(timing.limit - timing.dwell)
  // Files have their time from now on.
  expect((await told())?.waits.map(({ kind }) => kind)).toEqual(['time'])
  await look(timing.dwell - 1)
  expect(state().phase).toBe('spreading')
  await look(1)
  expect(state().phase).toBe('reissuing')
  expect(records).toContainEqual(expect.objectContaining({ leftBehind: ['shop/pod-1'] }))
  expect(await told()).toMatchObject({ leftBehind: { count: 1, names: ['shop/pod-1'] } })
})

test('a root that was plugged in is not replaced by one of our own because somebody asks', async () => {
  const { asked, state, look, told, plugIn } = await world()
  await plugIn(pluggedRoot(makeRoot('cluster.local', start).certificate))
  asked.set('2026-11-28T12:00:00Z')
  await look()
  expect(state().phase).toBe('stable')
  expect((await told())?.roots).toMatchObject([{ role: 'signing', plugged: true }])
})

test('a next root that nothing signs under is given up, and another one offered is taken at once', async () => {
  const { state, look, offer, prospect, records } = await world({ pods: [] })
  const first = fingerprint(state().signing)
  offer(pluggedRoot(makeRoot('cluster.local', start).certificate))
  await expect.poll(() => state().phase).toBe('spreading')
  prospect.next = 'awaited'
  await look(day)
  expect(state().phase).toBe('spreading')
  prospect.next = 'gone'
  await look()
  expect(trustedRoots(state()).map(fingerprint)).toEqual([first])
  expect(records).toContainEqual(
    expect.objectContaining({ phase: 'stable', why: 'nothing is plugged in under the next root any more' }),
  )
})
