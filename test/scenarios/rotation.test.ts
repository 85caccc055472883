import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { Busy } from '#test/harness/busy.ts'
import { Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { rotationOf, rotationReaches } from '#test/harness/rotation.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const sidecars = 20
const weft = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

// The root is replaced under a mesh that works all the time, with no restart of anything.
describe('a root that is rotated', () => {
  let mesh: Mesh
  let pods: Workload[]
  let listener: Listener
  let oldest: Busy

  beforeAll(async () => {
    mesh = await startMesh({
      controlPlane: { WEFT_ROTATION_DWELL: '2s', WEFT_ROTATION_LIMIT: '1m' },
      sidecars: { WEFT_RENEWAL_SPREAD: '2s' },
    })
    pods = []
    // A few at a time: what starts slowly is not what is looked at here.
    while (pods.length < sidecars) {
      const names = Array.from({ length: 4 }, (_, i) => `pod-${pods.length + i}`)
      pods.push(...(await Promise.all(names.map((name) => mesh.workload(name)))))
    }
    await Promise.all(pods.map((pod) => pod.app('http-server')))
    listener = await Listener.open(pods[1]!, 9000)
    oldest = await Busy.start(pods[0]!, `${pods[1]!.ip}:9000`, listener)
  }, 240_000)

  afterAll(async () => {
    oldest?.[Symbol.dispose]()
    listener?.[Symbol.dispose]()
    await mesh?.[Symbol.asyncDispose]()
  })

  test('is followed by twenty sidecars, and no connection fails', async () => {
    await rotationReaches(mesh.controlPlane, 'stable')
    const before = roots()
    const pids = mesh.controlPlane.processes.length
    await using load = askAround()
    const rotating = identity('rotate')

    const spreading = await rotationReaches(mesh.controlPlane, 'spreading')
    expect(spreading.roots.map(({ role }) => role)).toEqual(['signing', 'next'])
    await expect(identity('rotate', '--no-wait')).rejects.toThrow(/a rotation is under way, \w+ since/)
    await rotationReaches(mesh.controlPlane, 'reissuing')
    // The connection from before is what the old root stays for.
    const retiring = await rotationReaches(mesh.controlPlane, 'retiring', undefined, ({ waits }) => {
      return waits.some(({ kind }) => kind === 'tunnels')
    })
    expect(retiring.roots.map(({ role }) => role)).toEqual(['signing', 'old'])
    expect(retiring.followers).toMatchObject({ total: sidecars, certificatesUnderOld: 0 })
    expect(namesIn(retiring, 'tunnels').toSorted()).toEqual(['shop/pod-0', 'shop/pod-1'])
    await sleep(3_000)
    expect((await rotationOf(mesh.controlPlane))?.phase).toBe('retiring')
    await oldest.carries()
    expect((await identity('status')).stdout).toMatch(/^waits for +live tunnels to end at shop\/pod-/m)

    await oldest.finish()
    const stable = await rotationReaches(mesh.controlPlane, 'stable')
    expect((await rotating).stdout).toMatch(/spreading: .*reissuing: .*retiring: .*done: root [0-9a-f]{12} /s)
    expect(stable.roots.map(({ fingerprint }) => fingerprint)).toEqual([roots()[0]!.fingerprint])
    expect(roots()[0]!.fingerprint).not.toBe(before[0]!.fingerprint)
    expect(await load.asked()).toBeGreaterThan(sidecars * 3)
    expect(mesh.controlPlane.processes).toHaveLength(pids)
  }, 180_000)

  test('goes on where it stood when the control plane is killed in every state', async () => {
    const before = await rotationReaches(mesh.controlPlane, 'stable')
    oldest = await Busy.start(pods[0]!, `${pods[1]!.ip}:9000`, listener)
    await using load = askAround()
    await identity('rotate', '--no-wait')
    for (const phase of ['spreading', 'reissuing', 'retiring'] as const) {
      const seen = await rotationReaches(mesh.controlPlane, phase)
      await mesh.controlPlane.kill()
      await mesh.controlPlane.start()
      const after = (await rotationOf(mesh.controlPlane))!
      expect(after.roots.map(({ fingerprint }) => fingerprint)).toEqual(
        seen.roots.map(({ fingerprint }) => fingerprint),
      )
    }
    await oldest.carries()
    await oldest.finish()
    const after = await rotationReaches(mesh.controlPlane, 'stable')
    expect(after.roots).toHaveLength(1)
    expect(after.roots[0]!.fingerprint).not.toBe(before.roots[0]!.fingerprint)
    expect(after.leftBehind.count).toBe(0)
    // A request is answered once, whoever answers it.
    await mesh.controlPlane.kill()
    await mesh.controlPlane.start()
    await sleep(2_000)
    expect(await rotationOf(mesh.controlPlane)).toMatchObject({ phase: 'stable', roots: after.roots })
    expect(await load.asked()).toBeGreaterThan(sidecars)
  }, 180_000)

  test('waits for a sidecar that is away, which comes back as if nothing had been', async () => {
    const away = pods[2]!
    away.sidecar.signal('SIGSTOP')
    await identity('rotate', '--no-wait')
    const waiting = await rotationReaches(
      mesh.controlPlane,
      'spreading',
      undefined,
      (status) => namesIn(status, 'acknowledgement').length === 1,
    )
    expect(namesIn(waiting, 'acknowledgement')).toEqual(['shop/pod-2'])
    away.sidecar.signal('SIGCONT')
    const stable = await rotationReaches(mesh.controlPlane, 'stable')
    expect(stable.leftBehind.count).toBe(0)
    expect((await away.http(`http://${pods[3]!.ip}:8080/`)).status).toBe(200)
    expect((await pods[3]!.http(`http://${away.ip}:8080/`)).status).toBe(200)
  }, 120_000)

  test('is lost on whoever still has the old bundle alone, who says so', async () => {
    oldest[Symbol.dispose]()
    const old = join(pods[0]!.directory, 'old-bundle.pem')
    copyFileSync(mesh.controlPlane.trustBundle, old)
    await identity('rotate')
    const late = await mesh.workload('late', { sidecar: false })
    const sidecar = await mesh.launchSidecar(late, { WEFT_TRUST_BUNDLE: old })
    const told = await until('it to say why', () => {
      return sidecar.log.find(({ message }) => message === 'the control plane cannot be reached')
    })
    expect(JSON.stringify(told)).toContain(`${old} has no root of`)
    await sidecar.stop()
  }, 120_000)

  /** Every pod asks its neighbour again and again; nobody may go without an answer. */
  function askAround() {
    const over = new AbortController()
    let asked = 0
    const keepAsking = async (pod: Workload, i: number): Promise<void> => {
      while (!over.signal.aborted) {
        const { status } = await pod.http(`http://${pods[(i + 1) % pods.length]!.ip}:8080/`)
        expect(status).toBe(200)
        asked += 1
        await sleep(100)
      }
    }
    const asking = Promise.all(pods.map(keepAsking))
    // Told at the end; until then a failure must not count as one that nobody heeds.
    asking.catch(() => {})
    const end = async (): Promise<void> => {
      over.abort()
      await asking
    }
    return {
      async asked() {
        await end()
        return asked
      },
      [Symbol.asyncDispose]: end,
    }
  }

  /** What the state directory holds of roots. */
  function roots(): { readonly fingerprint: string }[] {
    const path = join(mesh.controlPlane.stateDirectory, 'root.json')
    const { rotation } = JSON.parse(readFileSync(path, 'utf8')) as { rotation: string }
    return [{ fingerprint: (JSON.parse(rotation) as { root: string }).root }]
  }

  /** Runs `weft identity` on the control plane of this mesh; rejects with what it wrote when it fails. */
  async function identity(...args: readonly string[]): Promise<{ stdout: string }> {
    const { stateDirectory } = mesh.controlPlane
    const words = [weft, 'identity', ...args, '--state-dir', stateDirectory]
    return await promisify(execFile)(process.execPath, words, { timeout: 150_000 })
  }
})

function namesIn({ waits }: RotationStatus, kind: RotationStatus['waits'][number]['kind']) {
  return waits.filter((wait) => wait.kind === kind).flatMap(({ names }) => [...names])
}
