import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// A workload names a policy that has not arrived: nobody knows what it would have refused, so nobody is let in.
describe.skipIf(lacks('missing policy'))('a policy that is named and missing', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let application: Listener
  const withhold = () => join(mesh.controlPlane.stateDirectory, 'withhold')

  beforeAll(async () => {
    mesh = await startMesh({
      controlPlaneProgram: '/checkout/test/harness/apps/withholding-control-plane.ts',
    })
    ;[alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
    application = await Listener.open(bob, 8080)
    using _welcome = await converse(alice, `${bob.ip}:8080`, application)
    writeFileSync(withhold(), '')
    mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'bob',
      selector: { app: 'bob' },
      rules: [{ from: [{ serviceAccounts: ['alice'] }] }],
    })
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  const explain = async (workload: Workload) => {
    const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
    const args = ['explain', 'alice', `${bob.ip}:8080`, '--netns', workload.standing.namespace, '-o', 'json']
    const ended = await promisify(execFile)(process.execPath, [main, ...args]).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    if (ended.stdout === '') throw new Error(ended.stderr)
    return JSON.parse(ended.stdout) as { verdict: string; endpoints: object[] }
  }

  test('closes the workload to those it would have let in, and the record says that this is why', async () => {
    const record = await until('a refusal for the missing policy', async () => {
      await converse(alice, `${bob.ip}:8080`, application).then(
        (pair) => pair[Symbol.dispose](),
        () => {},
      )
      return bob.sidecar.accessLog().find(({ reason }) => reason === 'policy_missing')
    })
    expect(record).toMatchObject({
      direction: 'inbound',
      outcome: 'refused',
      security: 'mutual_tls',
      peer: 'spiffe://cluster.local/ns/shop/sa/alice',
      detail: 'AuthorizationPolicy shop/bob holds on the workload and has not arrived there',
    })
  })

  test('is what weft explain says, asking the sidecar that waits', async () => {
    expect(await explain(bob)).toMatchObject({
      verdict: 'no',
      endpoints: [
        {
          allowed: false,
          transport: 'mutual_tls',
          because: 'AuthorizationPolicy shop/bob holds on the workload and has not arrived there',
          changes: [
            'look whether the control plane is up and has sent the policy: weft proxy config shows what arrived',
          ],
        },
      ],
    })
  })

  test('keeps a new sidecar from being ready', async () => {
    await bob.sidecar.stop()
    await mesh.launchSidecar(bob)
    const readiness = await until('it to wait for the policy', async () => {
      const answers = await mesh.probe(bob)
      return answers.readiness.includes('polic') && answers.readiness
    })
    expect(readiness).toBe('503 waits for a policy that holds on it')
    expect(await explain(bob)).toMatchObject({ verdict: 'no' })
  })

  test('lets in whom it names as soon as it arrives', async () => {
    rmSync(withhold())
    // Any change of the registry makes the control plane look again.
    alice.update({ labels: { app: 'alice', looked: 'again' } })
    using _welcome = await until('alice to be welcome', () =>
      converse(alice, `${bob.ip}:8080`, application).catch(() => false as const),
    )
    expect(await explain(bob)).toMatchObject({ verdict: 'yes' })
  })
})
