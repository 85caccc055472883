import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { mostOfOneAddress } from '#control-plane/grpc-server.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { Conversation } from '#test/harness/conversation.ts'
import { Intruder } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// What somebody in a pod makes of the control plane's port, with whatever tokens come into their hands.
describe.skipIf(lacks('door'))('the control plane’s own door', () => {
  let mesh: Mesh
  let alice: Workload
  let mallory: Workload
  let seen: number

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, mallory] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('mallory', { sidecar: false }),
    ])
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  beforeEach(() => {
    seen = mesh.controlPlane.log.length
  })

  test('opens for a pod’s own token', async () => {
    await new Intruder(mesh, mallory).leaf()
    expect(refusals()).toEqual([])
  })

  test('stays shut for a token from another address', async () => {
    await knock(await mesh.controlPlane.token(alice.entry))
    expect(refusals()).toEqual(['other_address'])
  })

  test('stays shut for the token of a pod that is gone', async () => {
    const pod = await mesh.workload('late', { sidecar: false })
    const token = keep(await mesh.controlPlane.token(pod.entry))
    mesh.registry.removeWorkload(pod.entry)
    await until('the token to be taken back', async () => {
      await knock(token, pod)
      return refusals().includes('pod_gone')
    })
    // Whoever wins the race against the registry has a certificate, but nobody after.
    expect(refusals().at(-1)).toBe('pod_gone')
  })

  test('stays shut for the token of a pod whose place another one of its name has taken', async () => {
    const pod = await mesh.workload('replaced', { sidecar: false })
    const token = keep(await mesh.controlPlane.token(pod.entry))
    mesh.registry.setWorkload({ ...pod.entry, serviceAccount: 'another' })
    await until('the pod to be another one', async () => {
      await knock(token, pod)
      return refusals().includes('pod_replaced')
    })
  })

  test('does not listen to who shows bad tokens without end, and to everybody else as before', async () => {
    const target = `${plan.controlPlane}:${ports.controlPlane}`
    const app = ['node', '/checkout/test/harness/apps/knocker.ts', '--target', target]
    const files = ['--bundle', mesh.controlPlane.trustBundle, '--times', '400']
    const printed = await mallory.run([...app, ...files], { uid: sidecarUid })
    const counts = JSON.parse(printed) as Record<string, number>
    // A hundred at once, and one a second after that.
    expect(counts[status.UNAUTHENTICATED]).toBeLessThan(150)
    expect(counts[status.RESOURCE_EXHAUSTED]).toBe(400 - counts[status.UNAUTHENTICATED]!)
    expect(await mesh.controlPlane.metrics()).toMatch(
      /weft_certificates_refused_total\{reason="too_many_failures"\} [1-9]/,
    )
    // Nor does it flood the log: only what was judged is there.
    expect(refusals().length).toBeLessThan(150)
    await alice.sidecar.admin('POST /certificate/renew')
  })

  test('lets one address have so many connections, and everybody else in as before', async () => {
    const target = `${plan.controlPlane}:${ports.controlPlane}`
    const stranger = await mesh.workload('stranger', { meshed: false })
    const crowd = await Promise.allSettled(
      Array.from({ length: mostOfOneAddress + 20 }, () => Conversation.dial(stranger, target)),
    )
    const isOut = (each: (typeof crowd)[number]) => each.status === 'rejected' || each.value.end === 'reset'
    await until('the crowd to be too many', () => crowd.filter(isOut).length >= 20)
    await alice.sidecar.admin('POST /certificate/renew')
    expect(await mesh.controlPlane.metrics()).toMatch(
      /weft_control_plane_connections_refused_total\{reason="too_many_connections"\} [1-9]/,
    )
    for (const each of crowd) if (each.status === 'fulfilled') each.value.reset()
  })

  /** Asks for a certificate with this token. */
  async function knock(token: string, from = mallory): Promise<void> {
    const where = ['--host', plan.controlPlane, '--port', String(ports.controlPlane)]
    const files = ['--bundle', mesh.controlPlane.trustBundle, '--token', token]
    await from.attempt(['node', '/checkout/test/harness/apps/leaf.ts', ...where, ...files], {
      uid: sidecarUid,
    })
  }

  /** A copy of a token, for when its file is taken away. */
  function keep(token: string): string {
    const copy = join(mesh.controlPlane.stateDirectory, 'stolen-token')
    writeFileSync(copy, readFileSync(token), { mode: 0o644 })
    return copy
  }

  /** Why certificates were refused since the test began. */
  function refusals(): unknown[] {
    return mesh.controlPlane.log
      .slice(seen)
      .flatMap(({ message, reason }) => (message === 'certificate refused' ? [reason] : []))
  }
})
