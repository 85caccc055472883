import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityRequestsFile, rotationKey } from '#mesh/identity-requests.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { rotationReaches } from '#test/harness/rotation.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

export interface Outcome {
  readonly title: string
  readonly error: Error | undefined
}

interface Stage {
  readonly mesh: Mesh
  /** Behind weft's sidecars. */
  readonly alice: Workload
  readonly bob: Workload
  /** Behind ztunnel. */
  readonly zed: Workload
}

/** Runs the cases one after the other on one mesh, and answers each as it ends. */
export async function* ztunnelCases(path: string): AsyncGenerator<Outcome> {
  // Lives that are short enough to see a ztunnel through a rotation, which it is waited for in by time.
  await using mesh = await startMesh({
    controlPlane: {
      WEFT_CERTIFICATE_LIFETIME: '20s',
      WEFT_ROTATION_DWELL: '2s',
      WEFT_ROTATION_LIMIT: '5s',
      WEFT_ROTATION_GRACE: '25s',
    },
    sidecars: { WEFT_RENEWAL_SPREAD: '2s' },
  })
  const [alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
  const zed = await mesh.workload('zed', { sidecar: false })
  const stage = { mesh, alice, bob, zed }
  for (const [title, run] of cases(path)) {
    try {
      await run(stage)
      yield { title, error: undefined }
    } catch (error) {
      yield { title, error: error as Error }
    }
  }
}

function cases(path: string): readonly (readonly [title: string, run: (stage: Stage) => Promise<void>])[] {
  return [
    ['it gets certificate, workloads and policies, and becomes ready', (stage) => startZtunnel(stage, path)],
    ['weft reaches it over mutual TLS, and knows who it is', fromWeft],
    ['it reaches weft over mutual TLS, and is known as who it is', toWeft],
    ['it reaches a service of weft’s pods by its virtual address', toService],
    ['nothing that they say passes the network in the clear', secretly],
    ['a policy of weft’s refuses it by name, and an open connection is cut', deniedByWeft],
    ['a policy that holds on its pod refuses weft’s pods there', deniedByZtunnel],
    ['a megabyte each way arrives whole, and ends as an end', megabyte],
    ['the root is rotated, and no request fails in either direction', rotated],
  ]
}

async function startZtunnel({ mesh, zed }: Stage, path: string): Promise<void> {
  const executable = join(dirname(mesh.registry.path), 'ztunnel')
  copyFileSync(path, executable)
  chmodSync(executable, 0o755)
  const { namespace, name, serviceAccount } = zed.entry
  const { trustBundle } = mesh.controlPlane
  const controlPlane = `https://${plan.controlPlane}:${ports.controlPlane}`
  const hostname = 'weft-control-plane.weft-system.svc'
  await zed.start([executable, 'proxy'], {
    uid: sidecarUid,
    env: {
      RUST_LOG: 'info',
      ZTUNNEL_WORKER_THREADS: '1',
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: `${namespace}/${name}/${serviceAccount}`,
      CLUSTER_ID: 'Kubernetes',
      POD_NAME: name,
      POD_NAMESPACE: namespace,
      INSTANCE_IP: zed.ip,
      SERVICE_ACCOUNT: serviceAccount,
      XDS_ADDRESS: controlPlane,
      XDS_ROOT_CA: trustBundle,
      ALT_XDS_HOSTNAME: hostname,
      CA_ADDRESS: controlPlane,
      CA_ROOT_CA: trustBundle,
      ALT_CA_HOSTNAME: hostname,
      AUTH_TOKEN: await mesh.controlPlane.token(zed.entry),
      ENABLE_ORIG_SRC: 'false',
      IPV6_ENABLED: 'false',
      ISTIO_META_DNS_CAPTURE: 'false',
    },
  })
  await until('ztunnel to be ready', async () => {
    return (await zed.http(`http://127.0.0.1:${ports.readiness}/healthz/ready`)).status === 200
  })
}

async function fromWeft({ alice, zed }: Stage): Promise<void> {
  await zed.app('http-server')
  assert.equal((await alice.http(`http://${zed.ip}:8080/`)).status, 200)
  const record = await alice.sidecar.access('to zed', ({ destination }) => destination === `${zed.ip}:8080`)
  assert.equal(record['security'], 'mutual_tls')
  assert.equal(record['peer'], 'spiffe://cluster.local/ns/shop/sa/zed')
}

async function toWeft({ bob, zed }: Stage): Promise<void> {
  await bob.app('http-server')
  assert.equal((await zed.http(`http://${bob.ip}:8080/`)).status, 200)
  const record = await bob.sidecar.access('from zed', ({ peer }) => String(peer).endsWith('/sa/zed'))
  assert.equal(record['security'], 'mutual_tls')
}

async function toService({ mesh, bob, zed }: Stage): Promise<void> {
  const service = mesh.service('bob', {
    selector: bob.entry.labels,
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  })
  await until('the service to answer', async () => (await zed.http(`http://${service.ip}/`)).status === 200)
}

async function secretly({ mesh, alice, bob, zed }: Stage): Promise<void> {
  const secret = 'what-nobody-else-may-read'
  await using capture = await mesh.capture()
  for (const [from, to] of [
    [alice, zed],
    [zed, bob],
  ] as const) {
    using listener = await Listener.open(to, 8081)
    using conversation = await converse(from, `${to.ip}:8081`, listener)
    conversation.client.say(secret)
    await conversation.server.hears(secret)
  }
  assert.equal(await capture.contains(secret), false)
}

async function deniedByWeft({ mesh, bob, zed }: Stage): Promise<void> {
  using listener = await Listener.open(bob, 8082)
  using live = await converse(zed, `${bob.ip}:8082`, listener)
  using _denied = mesh.policy({
    kind: 'AuthorizationPolicy',
    name: 'no-zed',
    action: 'Deny',
    selector: bob.entry.labels,
    rules: [{ from: [{ serviceAccounts: ['zed'] }] }],
  })
  await until('the open connection to be cut', () => live.client.end !== undefined)
  await zed.http(`http://${bob.ip}:8080/`).then(
    ({ status }) => assert.fail(`it was answered ${status}`),
    () => undefined,
  )
  const record = await bob.sidecar.access('refused', ({ reason }) => reason === 'deny_matched')
  assert.equal((record['deniedBy'] as { policy: string }).policy, 'shop/no-zed')
}

async function deniedByZtunnel({ mesh, alice, bob, zed }: Stage): Promise<void> {
  using _denied = mesh.policy({
    kind: 'AuthorizationPolicy',
    name: 'no-alice',
    action: 'Deny',
    selector: zed.entry.labels,
    rules: [{ from: [{ serviceAccounts: ['alice'] }] }],
  })
  await until('alice to be refused', () => {
    return alice.http(`http://${zed.ip}:8080/`).then(
      () => false,
      () => true,
    )
  })
  assert.equal((await bob.http(`http://${zed.ip}:8080/`)).status, 200)
}

async function rotated({ mesh, alice, bob, zed }: Stage): Promise<void> {
  const before = await rotationReaches(mesh.controlPlane, 'stable')
  const over = new AbortController()
  const asking = Promise.all(
    [[alice, zed] as const, [zed, bob] as const].map(async ([from, to]) => {
      let answered = 0
      for (; !over.signal.aborted; await sleep(100)) {
        assert.equal((await from.http(`http://${to.ip}:8080/`)).status, 200, `${from.name} to ${to.name}`)
        answered += 1
      }
      return answered
    }),
  )
  const file = join(mesh.controlPlane.stateDirectory, identityRequestsFile)
  writeFileSync(`${file}.new`, JSON.stringify({ [rotationKey]: new Date().toISOString() }))
  renameSync(`${file}.new`, file)
  const after = (async () => {
    await rotationReaches(mesh.controlPlane, 'spreading')
    await rotationReaches(mesh.controlPlane, 'retiring', { timeout: 90_000 })
    return await rotationReaches(mesh.controlPlane, 'stable', { timeout: 90_000 })
  })()
  await Promise.race([asking, after])
  const { roots } = await after
  over.abort()
  for (const answered of await asking) assert.ok(answered > 100)
  assert.equal(roots.length, 1)
  assert.notEqual(roots[0]!.fingerprint, before.roots[0]!.fingerprint)
}

async function megabyte({ alice, bob, zed }: Stage): Promise<void> {
  // The policy of the case before may not be gone yet.
  await until('alice to be served again', () => {
    return alice.http(`http://${zed.ip}:8080/`).then(
      () => true,
      () => false,
    )
  })
  const much = 'weft'.repeat(262_144)
  for (const [from, to] of [
    [alice, zed],
    [zed, bob],
  ] as const) {
    using listener = await Listener.open(to, 8083)
    using conversation = await converse(from, `${to.ip}:8083`, listener)
    for (const [speaker, hearer] of [
      [conversation.client, conversation.server],
      [conversation.server, conversation.client],
    ] as const) {
      speaker.say(much)
      speaker.finish()
      const whole = (): boolean => hearer.end === 'fin' && hearer.heard.toString('latin1').endsWith(much)
      await until(`${from.name} and ${to.name} to have heard all of it, and its end`, whole)
    }
  }
}
