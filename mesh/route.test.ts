import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IpAddress } from './address.ts'
import { describeRefusal, type RouteRefusal, resolveRoute } from './route.ts'
import { backendKey, ip, service, settings, snapshot, to, workload } from './testing/mesh.ts'
import { anyEndpoint, type Workload } from './workload.ts'

const own: ReadonlySet<IpAddress> = new Set([ip('10.77.0.9'), ip('fd77::9')])
const http = { services: { [backendKey]: [{ servicePort: 80, targetPort: 8080 }] } }
const one = workload('one', ['10.77.0.1'], http)
const two = workload('two', ['10.77.0.2'], http)
const plain = workload('plain', ['10.77.0.3'], { tunnel: 'none' })

describe('a pod’s own address', () => {
  it('leads to that pod at the port asked for, by mutual TLS when it is meshed', () => {
    const mesh = snapshot({ workloads: [one, plain] })
    expect(resolveRoute(mesh, to('10.77.0.1', 9000), own)).toEqual({
      kind: 'endpoints',
      service: undefined,
      endpoints: [{ address: to('10.77.0.1', 9000), workload: one, transport: 'hbone' }],
    })
    expect(resolveRoute(mesh, to('10.77.0.3', 9000), own)).toMatchObject({
      endpoints: [{ address: to('10.77.0.3', 9000), transport: 'plain' }],
    })
  })

  it('outranks a virtual address of the same number', () => {
    const mesh = snapshot({ workloads: [one], services: [service(['10.77.0.1'])] })
    expect(resolveRoute(mesh, to('10.77.0.1', 80), own)).toMatchObject({
      service: undefined,
      endpoints: [{ address: to('10.77.0.1', 80) }],
    })
  })

  it('is followed for a pod that is not ready and a port that no service declares, as a headless name gives it', () => {
    const sick = workload('sick', ['10.77.0.1'], { ...http, health: 'unhealthy' })
    const mesh = snapshot({ workloads: [sick], services: [service([])] })
    expect(resolveRoute(mesh, to('10.77.0.1', 5432), own)).toMatchObject({
      endpoints: [{ address: to('10.77.0.1', 5432), transport: 'hbone' }],
    })
  })

  it('is the source’s own: it stays inside the pod, also before the view knows the pod', () => {
    const self = workload('self', ['10.77.0.9'])
    for (const mesh of [snapshot({ workloads: [self] }), snapshot({})]) {
      expect(resolveRoute(mesh, to('10.77.0.9', 80), own)).toMatchObject({
        kind: 'endpoints',
        endpoints: [{ address: to('10.77.0.9', 80), transport: 'own' }],
      })
    }
  })
})

describe('a virtual address', () => {
  const backend = service(['10.77.100.1'])

  it('leads to every ready endpoint, at the port each of them listens on', () => {
    const odd = workload('odd', ['10.77.0.4'], {
      services: { [backendKey]: [{ servicePort: 80, targetPort: 9999 }] },
    })
    const mesh = snapshot({ workloads: [one, two, odd, plain], services: [backend] })
    expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toEqual({
      kind: 'endpoints',
      service: backend,
      endpoints: [
        { address: to('10.77.0.1', 8080), workload: one, transport: 'hbone' },
        { address: to('10.77.0.2', 8080), workload: two, transport: 'hbone' },
        { address: to('10.77.0.4', 9999), workload: odd, transport: 'hbone' },
      ],
    })
  })

  it('leads in plaintext only to endpoints that are known not to be meshed', () => {
    const outside = workload('outside', ['10.77.0.5'], { ...http, tunnel: 'none' })
    const onHost = workload('host', ['192.168.0.1'], { ...http, tunnel: 'none', hostNetwork: true })
    const mesh = snapshot({ workloads: [one, outside, onHost], services: [backend] })
    const route = resolveRoute(mesh, to('10.77.100.1', 80), own)
    expect(route.kind === 'endpoints' && route.endpoints.map((endpoint) => endpoint.transport)).toEqual([
      'hbone',
      'plain',
      'plain',
    ])
  })

  it('leads inside the pod when the balancer may choose the source itself', () => {
    const self = workload('self', ['10.77.0.9'], http)
    const mesh = snapshot({ workloads: [self, one], services: [backend] })
    expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toMatchObject({
      endpoints: [
        { address: to('10.77.0.9', 8080), transport: 'own' },
        { address: to('10.77.0.1', 8080), transport: 'hbone' },
      ],
    })
  })

  it.each<[string, Partial<typeof one>]>([
    ['no pod', { services: new Map() }],
    ['only pods that are not ready', { health: 'unhealthy' }],
    [
      'only pods without that port',
      { services: new Map([[backendKey, [{ servicePort: 81, targetPort: 1 }]]]) },
    ],
    ['only pods without an address', { addresses: [] }],
  ])('is refused with %s behind it, never passed on', (_, parts) => {
    const mesh = snapshot({ workloads: [{ ...one, ...parts }], services: [backend] })
    expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toEqual({
      kind: 'refused',
      reason: { kind: 'no_endpoints', service: backendKey },
    })
  })

  it('is refused at a port that the service does not have, also where a pod has it', () => {
    const mesh = snapshot({ workloads: [one], services: [backend] })
    expect(resolveRoute(mesh, to('10.77.100.1', 8080), own)).toEqual({
      kind: 'refused',
      reason: { kind: 'no_such_port', service: backendKey, port: 8080 },
    })
  })

  it('leads to pods that are not ready where the service publishes those', () => {
    const sick = workload('sick', ['10.77.0.6'], { ...http, health: 'unhealthy' })
    const open = service(['10.77.100.1'], { publishNotReady: true })
    const mesh = snapshot({ workloads: [one, sick], services: [open] })
    expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toMatchObject({
      endpoints: [{ workload: one }, { workload: sick }],
    })
  })

  it('leads to the source’s own node or nowhere where the service says so', () => {
    const self = workload('self', ['10.77.0.9'], { node: 'node-a' })
    const here = workload('here', ['10.77.0.1'], { ...http, node: 'node-a' })
    const there = workload('there', ['10.77.0.2'], { ...http, node: 'node-b' })
    const local = service(['10.77.100.1'], {
      preference: { ...anyEndpoint, mode: 'strict', scopes: ['node'] },
    })
    const route = (...workloads: readonly Workload[]) => {
      return resolveRoute(snapshot({ workloads, services: [local] }), to('10.77.100.1', 80), own)
    }
    expect(route(self, here, there)).toMatchObject({ endpoints: [{ workload: here }] })
    const refused = route(self, there)
    expect(refused).toEqual({
      kind: 'refused',
      reason: { kind: 'no_endpoints', service: backendKey, onNode: 'node-a' },
    })
    expect(refused.kind === 'refused' && describeRefusal(refused.reason)).toBe(
      `service ${backendKey} has no ready endpoint on node node-a, and leads to no other`,
    )
    expect(route(here)).toMatchObject({ reason: { kind: 'no_endpoints', onNode: '' } })
  })

  it('leads to a machine that services of several namespaces name, and never to one that a meshed pod replaced', () => {
    const machine = (namespace: string) =>
      workload('192.0.2.1', ['192.0.2.1'], {
        ...http,
        uid: `Kubernetes/discovery.k8s.io/EndpointSlice/${namespace}/192.0.2.1`,
        namespace,
        tunnel: 'none',
      })
    const bank = { ...machine('bank'), services: new Map() }
    const services = [backend]
    const shared = snapshot({ workloads: [bank, machine('shop')], services })
    expect(resolveRoute(shared, to('10.77.100.1', 80), own)).toMatchObject({
      endpoints: [{ address: to('192.0.2.1', 8080), transport: 'plain' }],
    })
    const taken = snapshot({ workloads: [machine('shop'), workload('pod', ['192.0.2.1'])], services })
    expect(resolveRoute(taken, to('10.77.100.1', 80), own)).toMatchObject({ kind: 'refused' })
  })

  it('leads to each of those who share a node’s address, as ready as each of them is', () => {
    const onHost = { tunnel: 'none' as const, hostNetwork: true }
    const flannel = workload('flannel', ['192.168.0.10'], { ...onHost, health: 'unhealthy' })
    const exporter = workload('exporter', ['192.168.0.10'], { ...onHost, ...http })
    const machine = workload('192.168.0.10', ['192.168.0.10'], {
      ...onHost,
      ...http,
      uid: 'Kubernetes/discovery.k8s.io/EndpointSlice/default/192.168.0.10',
    })
    for (const endpoint of [exporter, machine]) {
      const mesh = snapshot({ workloads: [flannel, endpoint], services: [backend] })
      expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toMatchObject({
        endpoints: [{ workload: endpoint, transport: 'plain' }],
      })
    }
    const both = snapshot({ workloads: [flannel, exporter, machine], services: [backend] })
    expect(resolveRoute(both, to('10.77.100.1', 80), own)).toMatchObject({
      endpoints: [{ workload: exporter }, { workload: machine }],
    })
    const pod = workload('pod', ['192.168.0.10'])
    const taken = snapshot({ workloads: [exporter, machine, pod], services: [backend] })
    expect(resolveRoute(taken, to('10.77.100.1', 80), own)).toMatchObject({ kind: 'refused' })
  })

  it('is known outside the mesh’s networks too', () => {
    const mesh = snapshot({ workloads: [one], services: [service(['203.0.113.7'])] })
    expect(resolveRoute(mesh, to('203.0.113.7', 80), own)).toMatchObject({ endpoints: [{ workload: one }] })
  })

  it('leads to addresses of its own family where a pod has both', () => {
    const dual = workload('dual', ['10.77.0.7', 'fd77::7'], http)
    const mesh = snapshot({ workloads: [dual], services: [service(['10.77.100.1', 'fd77::100'])] })
    expect(resolveRoute(mesh, to('10.77.100.1', 80), own)).toMatchObject({
      endpoints: [{ address: to('10.77.0.7', 8080) }],
    })
    expect(resolveRoute(mesh, to('fd77::100', 80), own)).toMatchObject({
      endpoints: [{ address: to('fd77::7', 8080) }],
    })
  })

  it('leads to the other family where a pod has no address of this one', () => {
    const mesh = snapshot({ workloads: [one], services: [service(['fd77::100'])] })
    expect(resolveRoute(mesh, to('fd77::100', 80), own)).toMatchObject({
      endpoints: [{ address: to('10.77.0.1', 8080) }],
    })
  })
})

describe('an address that nobody claims', () => {
  it.each(['10.77.3.3', 'fd77::3:3'])('is refused inside the mesh’s networks: %s', (address) => {
    for (const egress of ['passthrough', 'registry-only'] as const) {
      const mesh = snapshot({ workloads: [one], settings: settings({ egress }) })
      expect(resolveRoute(mesh, to(address, 80), own)).toEqual({
        kind: 'refused',
        reason: { kind: 'unknown_in_mesh', ip: address },
      })
    }
  })

  it('is passed on as it came outside of them', () => {
    expect(resolveRoute(snapshot({}), to('203.0.113.7', 443), own)).toEqual({
      kind: 'passthrough',
      address: to('203.0.113.7', 443),
    })
  })

  it('is refused outside of them where egress is registry-only', () => {
    const mesh = snapshot({ settings: settings({ egress: 'registry-only' }) })
    expect(resolveRoute(mesh, to('203.0.113.7', 443), own)).toEqual({
      kind: 'refused',
      reason: { kind: 'egress_denied', ip: '203.0.113.7' },
    })
  })
})

it('never leads in plaintext out of the pod to a meshed one, or to one unknown in the mesh', () => {
  const pod = fc.record({
    last: fc.integer({ min: 1, max: 12 }),
    tunnel: fc.constantFrom('hbone' as const, 'none' as const),
    health: fc.constantFrom('healthy' as const, 'unhealthy' as const),
    hostNetwork: fc.boolean(),
    behind: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(pod), fc.integer({ min: 1, max: 12 }), fc.boolean(), (pods, last, viaService) => {
      const workloads = pods.map(({ last, behind, ...parts }, i) =>
        workload(`pod-${i}`, [`10.77.0.${last}`], { ...parts, ...(behind ? http : {}) }),
      )
      const mesh = snapshot({ workloads, services: [service(['10.77.100.1'])] })
      const route = resolveRoute(mesh, viaService ? to('10.77.100.1', 80) : to(`10.77.0.${last}`, 80), own)
      expect(route.kind).not.toBe('passthrough')
      if (route.kind !== 'endpoints') return
      expect(route.endpoints.length).toBeGreaterThan(0)
      for (const { transport, workload, address } of route.endpoints) {
        if (own.has(address.ip)) expect(transport).toBe('own')
        else expect(transport).toBe(workload?.tunnel === 'hbone' ? 'hbone' : 'plain')
        if (transport === 'plain') expect(workload?.tunnel).toBe('none')
      }
    }),
  )
})

it.each<[RouteRefusal, string]>([
  [{ kind: 'no_endpoints', service: backendKey }, backendKey],
  [{ kind: 'no_such_port', service: backendKey, port: 81 }, 'port 81'],
  [{ kind: 'unknown_in_mesh', ip: ip('10.77.3.3') }, '10.77.3.3'],
  [{ kind: 'egress_denied', ip: ip('203.0.113.7') }, 'registry-only'],
])('a refusal names what it is about: %j', (reason, part) => {
  expect(describeRefusal(reason)).toContain(part)
})
