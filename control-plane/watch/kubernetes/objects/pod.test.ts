import { describe, expect, test } from 'vitest'
import { rawPod } from '../testing/raw.ts'
import { trimPod } from './pod.ts'

describe('a pod', () => {
  test('is meshed when its spec has the proxy as a native sidecar', () => {
    expect(trimPod(rawPod('shop/cart'))).toMatchObject({
      meshed: true,
      serviceAccount: 'cart',
      node: 'node-a',
    })
  })

  test.each([
    [
      'an annotation says so',
      { metadata: { annotations: { 'weft.dev/inject': 'true' } }, spec: { initContainers: [] } },
    ],
    ['a container has the name', { spec: { initContainers: [], containers: [{ name: 'weft-proxy' }] } }],
    ['the proxy only runs once', { spec: { initContainers: [{ name: 'weft-proxy' }] } }],
    ['it is on the network of its node', { spec: { hostNetwork: true } }],
  ])('is not meshed because %s', (_, parts) => {
    expect(trimPod(rawPod('shop/cart', parts))?.meshed).toBe(false)
  })

  test.each(['Succeeded', 'Failed'])('that has %s holds no address any more', (phase) => {
    expect(trimPod(rawPod('shop/cart', { status: { phase } }))).toBeUndefined()
  })

  test('that ends is not ready, whatever its condition says', () => {
    const metadata = { deletionTimestamp: '2026-11-21T00:00:00Z' }
    expect(trimPod(rawPod('shop/cart', { metadata }))).toMatchObject({ ready: false, terminating: true })
  })

  test('has every address of its own, in canonical text', () => {
    const podIPs = [{ ip: '10.244.0.5' }, { ip: 'FD00::5' }]
    expect(trimPod(rawPod('shop/cart', { status: { podIPs } }))?.addresses).toEqual(['10.244.0.5', 'fd00::5'])
    const none = { podIP: undefined, podIPs: undefined }
    expect(trimPod(rawPod('shop/cart', { status: none }))?.addresses).toEqual([])
  })

  test('names its TCP ports, those of sidecars too', () => {
    const containers = [
      { name: 'app', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9 }] },
      {
        name: 'dns',
        ports: [
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { name: 'http', containerPort: 1 },
        ],
      },
    ]
    const ports = trimPod(rawPod('shop/cart', { spec: { containers } }))?.ports
    expect(ports).toEqual(new Map([['http', 8080]]))
  })

  const ownedBy = (kind: string, name: string, labels = {}) =>
    trimPod(
      rawPod('shop/cart-1', { metadata: { labels, ownerReferences: [{ kind, name, controller: true }] } }),
    )?.owner

  test('is called after the Deployment behind its ReplicaSet, or the CronJob behind its Job', () => {
    expect(ownedBy('ReplicaSet', 'cart-7d9', { 'pod-template-hash': '7d9' })).toEqual({
      type: 'deployment',
      name: 'cart',
    })
    expect(ownedBy('ReplicaSet', 'cart-7d9')).toEqual({ type: 'deployment', name: 'cart-7d9' })
    expect(ownedBy('Job', 'report-29000000')).toEqual({ type: 'cronjob', name: 'report' })
    expect(ownedBy('Job', 'report')).toEqual({ type: 'job', name: 'report' })
    expect(ownedBy('StatefulSet', 'db')).toEqual({ type: 'pod', name: 'db' })
    expect(trimPod(rawPod('shop/alone'))?.owner).toEqual({ type: 'pod', name: 'alone' })
  })
})
