import { describe, expect, it } from 'vitest'
import { type ContainerProbes, parseProbeTable } from '#mesh/probes.ts'
import { parsePod } from '../pod.ts'
import { injected, nonce, reviewed } from '../testing/injecting.ts'

interface Container {
  name: string
  image: string
  restartPolicy?: string
  env?: { name: string; value?: string }[]
  readinessProbe?: unknown
  livenessProbe?: unknown
}

interface Written {
  metadata: { name: string }
  spec: { containers: Container[]; initContainers?: Container[] }
}

const app: Container = { name: 'app', image: 'web', readinessProbe: { tcpSocket: { port: 8080 } } }

function pod(): Written {
  return { metadata: { name: 'web' }, spec: { containers: [app] } }
}

function initNames({ spec }: Written): string[] {
  return (spec.initContainers ?? []).map(({ name }) => name)
}

function probesOf({ spec }: Written): Readonly<Record<string, ContainerProbes>> | undefined {
  const proxy = spec.initContainers!.find(({ name }) => name === 'weft-proxy')
  const table = proxy?.env?.find(({ name }) => name === 'WEFT_PROBES')?.value
  const parsed = table === undefined ? undefined : parseProbeTable(table)
  expect(parsed?.nonce ?? nonce).toBe(nonce)
  return parsed?.containers
}

describe('a pod that another webhook changed after the first review', () => {
  it.each([
    ['one ahead of ours', ['other', 'weft-init', 'weft-proxy']],
    ['one between them', ['weft-init', 'other', 'weft-proxy']],
    ['two around', ['one', 'weft-init', 'two', 'weft-proxy', 'three']],
    ['ours the other way round', ['weft-proxy', 'weft-init', 'other']],
    ['all of that', ['one', 'weft-proxy', 'two', 'weft-init']],
  ])('has our init containers first again: %s', (_, order) => {
    const before = injected(pod())
    const known = new Map(before.spec.initContainers!.map((container) => [container.name, container]))
    before.spec.initContainers = order.map((name) => known.get(name) ?? { name, image: 'x' })
    const after = injected(before)
    const others = order.filter((name) => !known.has(name))
    expect(initNames(after)).toEqual(['weft-init', 'weft-proxy', ...others])
    expect(reviewed(after)).toMatchObject({ operations: [] })
  })

  it('has the probes of a new container in the table too, under the same nonce', () => {
    const before = injected(pod())
    before.spec.containers.push({
      name: 'late',
      image: 'x',
      livenessProbe: { httpGet: { port: 9, path: '/' } },
    })
    const after = injected(before)
    expect(Object.keys(probesOf(after)!)).toEqual(['app', 'late'])
    expect(after.spec.containers[1]!.livenessProbe).toMatchObject({
      httpGet: { path: `/probe/${nonce}/late/liveness`, port: 15021 },
    })
    expect(reviewed(after)).toMatchObject({ operations: [] })
  })

  it('has a table even when it had none', () => {
    const bare = pod()
    bare.spec.containers = [{ name: 'bare', image: 'x' }]
    const before = injected(bare)
    expect(probesOf(before)).toBeUndefined()
    before.spec.containers.push(app)
    const after = injected(before)
    expect(Object.keys(probesOf(after)!)).toEqual(['app'])
    expect(reviewed(after)).toMatchObject({ operations: [] })
  })

  it('has no probe of a container that is gone', () => {
    const before = injected<Written>({ ...pod(), spec: { containers: [app, { ...app, name: 'second' }] } })
    before.spec.containers = [before.spec.containers[0]!, { ...app, name: 'third' }]
    expect(Object.keys(probesOf(injected(before))!)).toEqual(['app', 'third'])
  })
})

describe('what is added', () => {
  const { spec } = injected(pod()) as unknown as {
    spec: {
      initContainers: { name: string; securityContext: Record<string, unknown>; image: string }[]
      volumes: Record<string, unknown>[]
    }
  }
  const [init, proxy] = spec.initContainers

  it('lets the proxy pass the restricted Pod Security profile', () => {
    expect(proxy!.securityContext).toEqual({
      runAsUser: 1337,
      runAsGroup: 1337,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    })
  })

  it('gives the init container two capabilities and nothing else', () => {
    expect(init!.securityContext).toMatchObject({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'RuntimeDefault' },
    })
  })

  it('has no emptyDir, which would keep a node from being scaled down', () => {
    expect(spec.volumes.flatMap(Object.keys)).toEqual(['name', 'projected', 'name', 'configMap'])
  })

  it('is a pod that the injector itself can read', () => {
    expect(parsePod(injected(pod())).kind).toBe('pod')
  })
})

describe('how long a sidecar may drain', () => {
  it.each([
    [undefined, '25000ms'],
    [30, '25000ms'],
    [120, '115000ms'],
    [6, '3000ms'],
    [1, '500ms'],
    [0, '0ms'],
  ])('with %s seconds of grace', (terminationGracePeriodSeconds, deadline) => {
    const before = pod()
    const { spec } = injected({
      ...before,
      spec: { ...before.spec, terminationGracePeriodSeconds },
    }) as Written
    const variables = spec.initContainers![1]!.env!
    expect(variables.find(({ name }) => name === 'WEFT_DRAIN_DEADLINE')?.value).toBe(deadline)
  })
})

describe('the resources of a pod', () => {
  const equal = { cpu: '500m', memory: '256Mi' }
  const annotations = {
    'weft.dev/proxy-cpu-request': '100m',
    'weft.dev/proxy-cpu-limit': '100m',
    'weft.dev/proxy-memory-request': '128Mi',
    'weft.dev/proxy-memory-limit': '128Mi',
  }

  it('are equal to its limits in every container, if those of the application and of the sidecar are', () => {
    const { spec } = injected({
      metadata: { name: 'web', annotations },
      spec: { containers: [{ ...app, resources: { requests: equal, limits: equal } }] },
    }) as { spec: { initContainers?: unknown[]; containers: unknown[] } }
    const containers = [...spec.initContainers!, ...spec.containers] as { name: string; resources: unknown }[]
    const own = { cpu: '100m', memory: '128Mi' }
    expect(Object.fromEntries(containers.map(({ name, resources }) => [name, resources]))).toEqual({
      'weft-init': { requests: own, limits: own },
      'weft-proxy': { requests: own, limits: own },
      app: { requests: equal, limits: equal },
    })
  })
})
