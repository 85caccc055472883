import { describe, expect, test } from 'vitest'
import { raw } from '../testing/raw.ts'
import { trimEndpointSlice } from './endpoint-slice.ts'
import { trimService } from './service.ts'

const trim = (spec: Record<string, unknown>, status = {}) => trimService(raw('shop/cart', { spec, status }))

describe('a service', () => {
  test('has its virtual addresses; none when it is headless', () => {
    expect(trim({ clusterIPs: ['10.96.0.7', 'fd00::7'] })?.clusterIps).toEqual(['10.96.0.7', 'fd00::7'])
    expect(trim({ clusterIP: '10.96.0.7' })?.clusterIps).toEqual(['10.96.0.7'])
    expect(trim({ clusterIP: 'None', clusterIPs: ['None'] })?.clusterIps).toEqual([])
  })

  test('of type ExternalName is only a name of something else', () => {
    expect(trim({ type: 'ExternalName', externalName: 'example.com' })).toBeUndefined()
  })

  test('has the same number on TCP and UDP, of which only TCP is ours', () => {
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 'dns' },
      { name: 'metrics', port: 9153 },
    ]
    expect(trim({ ports })?.ports).toEqual([
      { name: 'dns-tcp', port: 53, targetPort: 'dns' },
      { name: 'metrics', port: 9153, targetPort: 9153 },
    ])
  })

  test('is led to by the addresses of balancers, but not of those that are proxies', () => {
    const ingress = [
      { ip: '203.0.113.1' },
      { ip: '203.0.113.2', ipMode: 'Proxy' },
      { hostname: 'lb.example.com' },
    ]
    expect(trim({}, { loadBalancer: { ingress } })?.ingressIps).toEqual(['203.0.113.1'])
  })

  test.each([
    [undefined, 'any'],
    ['PreferClose', 'prefer-zone'],
    ['PreferSameZone', 'prefer-zone'],
    ['PreferSameNode', 'prefer-node'],
    ['SomethingNew', 'any'],
  ])('of traffic distribution %s means %s', (trafficDistribution, meant) => {
    expect(trim({ trafficDistribution })?.trafficDistribution).toBe(meant)
  })

  test('keeps a client at one endpoint for as long as it says', () => {
    expect(trim({ sessionAffinity: 'ClientIP' })?.sessionAffinity).toEqual({
      kind: 'client-ip',
      seconds: 10_800,
    })
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } }
    const affinity = trim({ sessionAffinity: 'ClientIP', sessionAffinityConfig })?.sessionAffinity
    expect(affinity).toEqual({ kind: 'client-ip', seconds: 60 })
    expect(trim({ sessionAffinity: 'None' })?.sessionAffinity).toEqual({ kind: 'none' })
  })
})

describe('a slice of endpoints', () => {
  const labels = { 'kubernetes.io/service-name': 'cart' }
  const slice = (fields: Record<string, unknown>) =>
    trimEndpointSlice(raw('shop/cart-x1', fields, { labels }))

  test('is ready unless it says that it is not, and keeps where it is', () => {
    const endpoints = [
      {
        addresses: ['10.244.0.5'],
        targetRef: { kind: 'Pod', name: 'cart-x1' },
        nodeName: 'node-a',
        zone: 'a',
        hints: { forZones: [{ name: 'a' }] },
      },
      { addresses: ['10.244.0.6'], conditions: { ready: false } },
      { addresses: ['192.0.2.1'], targetRef: { kind: 'Pod', namespace: 'other', name: 'agent' } },
      { addresses: ['192.0.2.2'], targetRef: { kind: 'Node', name: 'node-b' } },
    ]
    const ports = [
      { name: 'http', port: 8080 },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'all', port: null },
    ]
    expect(slice({ addressType: 'IPv4', endpoints, ports })).toMatchObject({
      service: 'cart',
      ports: new Map([['http', 8080]]),
      endpoints: [
        { address: '10.244.0.5', ready: true, node: 'node-a', zone: 'a', hints: ['a'], pod: 'shop/cart-x1' },
        { address: '10.244.0.6', ready: false, node: '', zone: '', hints: [], pod: '', ofPod: false },
        { address: '192.0.2.1', pod: 'other/agent', ofPod: true },
        { address: '192.0.2.2', pod: '', ofPod: false },
      ],
    })
  })

  test.each([
    [
      { ready: false, serving: true, terminating: true },
      { ready: false, ending: true },
    ],
    [
      { ready: false, serving: false, terminating: true },
      { ready: false, ending: false },
    ],
    [
      { ready: false, serving: true, terminating: false },
      { ready: false, ending: false },
    ],
    [
      { ready: true, serving: true, terminating: false },
      { ready: true, ending: false },
    ],
    [
      { ready: null, terminating: true },
      { ready: true, ending: false },
    ],
    [
      { ready: false, terminating: true },
      { ready: false, ending: false },
    ],
    [{}, { ready: true, ending: false }],
  ])('of conditions %j is %j', (conditions, meant) => {
    const endpoints = [{ addresses: ['10.244.0.5'], conditions }]
    expect(slice({ addressType: 'IPv4', endpoints })?.endpoints).toMatchObject([meant])
  })

  test('may be empty, which the API writes as null', () => {
    expect(slice({ endpoints: null, ports: null })).toMatchObject({ endpoints: [], ports: new Map() })
  })

  test('of names, or of no service, is none', () => {
    expect(slice({ addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] })).toBeUndefined()
    expect(trimEndpointSlice(raw('shop/stray'))).toBeUndefined()
  })
})
