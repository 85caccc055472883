import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { weft } from './harness/installation.ts'
import { kubectl } from './harness/kubectl.ts'
import { pod, template } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'
import { workers } from './harness/nodes.ts'
import { Shop } from './harness/shop.ts'

interface PodSpec {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: {
    readonly initContainers?: readonly {
      readonly name: string
      readonly env?: readonly { name: string; value?: string }[]
    }[]
  }
}

let namespace: Namespace

beforeAll(async () => {
  namespace = await Namespace.create('injection')
})
afterAll(() => namespace[Symbol.asyncDispose]())

describe('injection', () => {
  test('a namespace’s pods are meshed, and a pod may stay out', async () => {
    expect(await admitted(pod('in'))).toEqual(['weft-init', 'weft-proxy'])
    expect(await admitted(pod('out', { labels: { 'weft.dev/inject': 'false' } }))).toEqual([])
    expect(await admitted(pod('out', { annotations: { 'weft.dev/inject': 'false' } }))).toEqual([])
  })

  test('a pod of a namespace without the label is left alone', async () => {
    await using plain = await Namespace.create('plain', { meshed: false })
    expect(await admitted(pod('alone'), plain)).toEqual([])
  })

  test('a pod that asks for it is meshed where nobody labelled the namespace, by label or annotation', async () => {
    await using plain = await Namespace.create('asking', { meshed: false })
    const asks = { 'weft.dev/inject': 'true' }
    expect(await admitted(pod('label', { labels: asks }), plain)).toEqual(['weft-init', 'weft-proxy'])
    expect(await admitted(pod('both', { labels: asks, annotations: asks }), plain)).toHaveLength(2)
    expect(await admitted(pod('out', { labels: { 'weft.dev/inject': 'false' } }), plain)).toEqual([])
    await expect(admitted(pod('slip', { labels: { 'weft.dev/inject': 'enabled' } }), plain)).rejects.toThrow(
      /the label weft.dev\/inject is "enabled": write "true" or "false"/,
    )
    // And it starts: the roots that its sidecar waits for come to its namespace because it is there.
    const asking = await plain.pod(pod('asking', { annotations: asks }))
    await using shop = await Shop.open('asked')
    expect((await shop.client.fetch(`http://${asking.ip}:8080/`)).status).toBe(200)
    expect(await shop.client.connection({ destination: `${asking.ip}:8080` })).toMatchObject({
      security: 'mutual_tls',
      peer: `spiffe://cluster.local/ns/${plain.name}/sa/default`,
    })
  })

  test('each pod is reviewed by one of the two webhooks', async () => {
    await using plain = await Namespace.create('once', { meshed: false })
    const labels = { 'weft.dev/inject': 'true' }
    await admitted(pod('labelled', { labels }))
    await admitted(pod('asking', { labels }), plain)
    await admitted(pod('silent'), plain)
    expect(await reviews(namespace, 'labelled')).toBe(1)
    expect(await reviews(plain, 'asking')).toBe(1)
    expect(await reviews(plain, 'silent')).toBe(0)
  })

  test('row 15: a pod in the host’s network is never meshed', async () => {
    expect(await admitted(pod('host', { spec: { hostNetwork: true } }))).toEqual([])
  })

  test('an annotation that cannot be used is refused with what to write instead', async () => {
    const annotations = { 'weft.dev/exclude-inbound-ports': '80,http' }
    await expect(admitted(pod('slip', { annotations }))).rejects.toThrow(
      /exclude-inbound-ports is "80,http": write ports/,
    )
  })

  test('an annotation that nobody knows is warned of, with the one that was meant', async () => {
    const annotations = { 'weft.dev/exclude-inbound-port': '80' }
    const { warnings } = await dryRun(pod('slip', { annotations }))
    expect(warnings).toContain('did you mean weft.dev/exclude-inbound-ports?')
  })

  test('a pod of the sidecar’s own user is refused', async () => {
    const container = { securityContext: { runAsUser: 1337 } }
    await expect(admitted(pod('same', { container }))).rejects.toThrow(/1337/)
  })

  test('the sidecar’s user is refused also where the webhook is not asked', async () => {
    const injected = await namespace.kubectl(
      ['create', '--dry-run=server', '-o', 'json', '-f', '-'],
      JSON.stringify(pod('moved')),
    )
    const moved = JSON.parse(injected) as {
      metadata: { namespace: string }
      spec: { containers: { securityContext?: object }[] }
    }
    await using plain = await Namespace.create('moved', { meshed: false })
    moved.metadata.namespace = plain.name
    moved.spec.containers[0]!.securityContext = { runAsUser: 1337 }
    await expect(
      plain.kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(moved)),
    ).rejects.toThrow(/uid 1337 is the mesh sidecar's/)
  })

  test.each(['baseline', 'restricted'])(
    'a namespace that enforces %s gets the sentence that says why',
    async (level) => {
      const labels = { 'pod-security.kubernetes.io/enforce': level }
      await using secured = await Namespace.create(level, { labels })
      await expect(admitted(pod('refused'), secured)).rejects.toThrow(
        new RegExp(`enforces the Pod Security level ${level}, which refuses the NET_ADMIN and NET_RAW`),
      )
    },
  )

  test('an application that may do nothing has a sidecar that may do nothing', async () => {
    const { spec } = await dryRun(pod('plain'))
    expect(spec.spec.initContainers?.find(({ name }) => name === 'weft-proxy')).toMatchObject({
      securityContext: {
        runAsUser: 1337,
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    })
  })

  test('a pod that was injected already, by hand, is admitted as it is', async () => {
    const byHand = await weft(['inject', '-f', '-', '-o', 'json'], JSON.stringify(pod('by-hand')))
    const { spec } = JSON.parse(byHand) as PodSpec
    const seen = await dryRun(JSON.parse(byHand) as object)
    const nonce = (one: PodSpec['spec']): string | undefined =>
      one.initContainers?.flatMap(({ env }) => env ?? []).find(({ name }) => name === 'WEFT_PROBES')?.value
    expect(seen.spec.spec.initContainers?.map(({ name }) => name)).toEqual(['weft-init', 'weft-proxy'])
    expect(nonce(seen.spec.spec)).toBe(nonce(spec))
  })

  test('row 47: nothing that injection adds keeps a node from being scaled down', async () => {
    const { spec } = await dryRun(pod('movable'))
    type Volume = { name: string; emptyDir?: object; hostPath?: object }
    const { volumes = [] } = spec.spec as { volumes?: readonly Volume[] }
    expect(volumes.map(({ name }) => name)).toEqual(expect.arrayContaining(['weft-token', 'weft-trust']))
    // The autoscaler leaves a node alone on which a pod keeps data: an emptyDir or a hostPath, unless the pod says that it
    // is safe to evict; kubectl drain asks the same question of the first (nodes.test.ts).
    expect(volumes.filter(({ emptyDir, hostPath }) => emptyDir ?? hostPath)).toEqual([])
  })

  test('pods of a Deployment, a StatefulSet, a DaemonSet and a Job are meshed', async () => {
    const { metadata, spec } = template('kind')
    const apps = { selector: { matchLabels: { app: 'kind' } }, template: { metadata, spec } }
    await namespace.apply(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: apps },
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'b' },
        spec: { ...apps, serviceName: 'b' },
      },
      { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'c' }, spec: apps },
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'd' },
        spec: { template: { metadata, spec: { ...spec, restartPolicy: 'Never' } } },
      },
    )
    for (const kind of ['deployment/a', 'statefulset/b', 'daemonset/c']) {
      await namespace.kubectl(['rollout', 'status', kind, '--timeout=60s'])
    }
    const { items } = await namespace.read<{ items: PodSpec[] }>('pods', '-l', 'app=kind')
    expect(items).toHaveLength(3 + (await workers()).length)
    for (const { spec } of items) {
      expect(spec.initContainers?.map(({ name }) => name)).toEqual(['weft-init', 'weft-proxy'])
    }
  })
})

/** The init containers of a pod as the API server would admit it; rejects where it would not. */
async function admitted(manifest: object, where = namespace): Promise<string[]> {
  const { spec } = await dryRun(manifest, where)
  return (spec.spec.initContainers ?? []).map(({ name }) => name)
}

/** How often the injector was asked about this pod. */
async function reviews({ name: namespace }: Namespace, name: string): Promise<number> {
  const log = await kubectl(['logs', 'deployment/weft-injector', '--tail=1000'], { namespace: 'weft-system' })
  const lines = log.split('\n').filter((line) => line.startsWith('{'))
  return lines
    .map((line) => JSON.parse(line) as { message: string; namespace?: string; pod?: string })
    .filter((line) => line.message.startsWith('pod ') && line.namespace === namespace && line.pod === name)
    .length
}

async function dryRun(manifest: object, where = namespace): Promise<{ spec: PodSpec; warnings: string }> {
  const { output, errors } = await where.kubectlWith(
    ['create', '--dry-run=server', '-o', 'json', '-f', '-'],
    JSON.stringify(manifest),
  )
  return { spec: JSON.parse(output) as PodSpec, warnings: errors }
}
