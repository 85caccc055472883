import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodeService,
  encodeSettings,
  encodeTrustBundle,
  encodeWorkload,
} from '#control-plane/model/encode.ts'
import { encodeAuthorization } from '#control-plane/model/encode-authorization.ts'
import { backendKey, service, settings, workload } from '#mesh/testing/mesh.ts'
import type { DeltaDiscoveryResponse, Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { policy } from '../testing/pictures.ts'
import { TestPki } from '../testing/pki.ts'
import { decodeResponse, typeUrls } from './resources.ts'

const web = workload('web', ['10.77.0.1'])
const cart = workload('cart', ['10.77.0.2'])
const junk = Uint8Array.of(0xff, 0xff, 0xff)

function resource(name: string, value: Uint8Array, aliases: string[] = []): Resource {
  return { name, version: `version of ${name}`, resource: { typeUrl: '', value }, aliases }
}

function response(
  typeUrl: string,
  resources: Resource[],
  removedResources: string[] = [],
): DeltaDiscoveryResponse {
  return { typeUrl, resources, removedResources, nonce: '1', systemVersionInfo: '' }
}

const decoded = (typeUrl: string, resources: Resource[], removed: string[] = []) =>
  decodeResponse(response(typeUrl, resources, removed), 'cluster.local')

describe('a response', () => {
  it('of addresses brings workloads and services, their versions and what answers to which alias', () => {
    const backend = service(['10.77.100.1'])
    const answer = decoded(typeUrls.address, [
      resource(web.uid, encodeWorkload(web), ['/10.77.0.1']),
      resource(backendKey, encodeService(backend), ['/10.77.100.1']),
    ])
    expect(answer.update).toMatchObject({ workloads: [web], services: [backend] })
    expect(Object.fromEntries(answer.versions)).toEqual({
      [web.uid]: `version of ${web.uid}`,
      [backendKey]: `version of ${backendKey}`,
    })
    expect(answer.aliases).toEqual(['/10.77.0.1', '/10.77.100.1'])
    expect(answer.refused).toEqual([])
  })

  it('of policies, settings and trust brings those', () => {
    const deny = policy('deny', 'deny')
    expect(
      decoded(typeUrls.authorization, [resource('shop/deny', encodeAuthorization(deny))]).update,
    ).toMatchObject({
      authorizations: [deny],
    })
    expect(
      decoded(typeUrls.settings, [resource('mesh', encodeSettings(settings()))]).update.settings,
    ).toEqual(settings())
    const rootsPem = new TestPki().root.certificate.toString()
    const secret = resource('cluster.local', encodeTrustBundle({ trustDomain: 'cluster.local', rootsPem }))
    expect(decoded(typeUrls.trust, [secret]).update.trust).toMatchObject({ trustDomain: 'cluster.local' })
  })

  it('does not make another trust domain’s roots ours', () => {
    const rootsPem = new TestPki().root.certificate.toString()
    const secret = resource('other.local', encodeTrustBundle({ trustDomain: 'other.local', rootsPem }))
    const { update, refused } = decoded(typeUrls.trust, [secret])
    expect([update.trust, refused]).toEqual([undefined, []])
  })

  it('removes what it names, of its own type alone', () => {
    expect(decoded(typeUrls.address, [], ['a', 'b']).update).toMatchObject({ removedAddresses: ['a', 'b'] })
    expect(decoded(typeUrls.address, [], ['a']).update.removedAuthorizations).toBeUndefined()
    expect(decoded(typeUrls.authorization, [], ['a']).update).toMatchObject({ removedAuthorizations: ['a'] })
    expect(decoded(typeUrls.authorization, [], ['a']).update.removedAddresses).toBeUndefined()
    expect(decoded(typeUrls.trust, [], ['cluster.local']).update).toEqual({
      workloads: [],
      services: [],
      authorizations: [],
    })
  })
})

describe('a bad resource', () => {
  it('is named with its reason and has no version; those beside it apply', () => {
    const answer = decoded(typeUrls.address, [
      resource(web.uid, encodeWorkload(web)),
      resource('Kubernetes//Pod/shop/broken', junk),
      resource(cart.uid, encodeWorkload(cart)),
    ])
    expect(answer.update.workloads).toEqual([web, cart])
    expect([...answer.versions.keys()]).toEqual([web.uid, cart.uid])
    expect(answer.refused).toEqual([expect.stringMatching(/^Kubernetes\/\/Pod\/shop\/broken: .+/)])
  })

  it.each([
    [typeUrls.address, encodeWorkload(web), web.uid],
    [typeUrls.address, encodeService(service([])), backendKey],
    [typeUrls.authorization, encodeAuthorization(policy('deny', 'deny')), 'shop/deny'],
    [
      typeUrls.trust,
      encodeTrustBundle({
        trustDomain: 'cluster.local',
        rootsPem: new TestPki().root.certificate.toString(),
      }),
      'cluster.local',
    ],
  ])('is one that calls itself otherwise than its envelope: %s', (typeUrl, value, own) => {
    const answer = decoded(typeUrl, [resource('alias', value)])
    expect(answer.refused).toEqual([`alias: it calls itself ${own}`])
    expect(answer.versions.size).toBe(0)
    expect(answer.update).toEqual({
      workloads: [],
      services: [],
      authorizations: [],
      ...(typeUrl === typeUrls.address ? { removedAddresses: [] } : {}),
      ...(typeUrl === typeUrls.authorization ? { removedAuthorizations: [] } : {}),
    })
  })

  it('is one of a type that nobody asked for', () => {
    const { refused } = decoded('type.googleapis.com/other', [resource('x', junk)])
    expect(refused).toEqual([expect.stringContaining('type.googleapis.com/other')])
  })

  it('is one without content', () => {
    const empty: Resource = { name: 'x', version: '1', resource: undefined, aliases: [] }
    expect(decoded(typeUrls.address, [empty]).refused).toHaveLength(1)
  })

  it('never makes the decoding throw, whatever comes', () => {
    const any = fc.record({
      name: fc.string(),
      version: fc.string(),
      resource: fc.option(fc.record({ typeUrl: fc.string(), value: fc.uint8Array() }), { nil: undefined }),
      aliases: fc.array(fc.string()),
    })
    const typeUrl = fc.oneof(fc.constantFrom(...Object.values(typeUrls)), fc.string())
    fc.assert(
      fc.property(typeUrl, fc.array(any), fc.array(fc.string()), (typeUrl, resources, removed) => {
        const { versions, refused } = decoded(typeUrl, resources, removed)
        expect(versions.size + refused.length).toBeLessThanOrEqual(resources.length)
      }),
      { numRuns: 500 },
    )
  })
})
