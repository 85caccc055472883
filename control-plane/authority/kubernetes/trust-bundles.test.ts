import { expect, test } from 'vitest'
import type { ApiClient, ApiRequest } from '../../watch/kubernetes/api/client.ts'
import { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { Kept, Kind, RawObject } from '../../watch/kubernetes/list-watch/kind.ts'
import { configMaps } from '../../watch/kubernetes/objects/config-map.ts'
import { namespaces } from '../../watch/kubernetes/objects/namespace.ts'
import { pods } from '../../watch/kubernetes/objects/pod.ts'
import { injectorConfiguration } from '../../watch/kubernetes/objects/webhook-configuration.ts'
import { raw, rawPod } from '../../watch/kubernetes/testing/raw.ts'
import { caBundleCorrections, trustBundleCorrections } from './trust-bundles.ts'

const bundle = '-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n'

function cacheOf<T extends Kept>(kind: Kind<T>, ...objects: RawObject[]): Cache<T> {
  const cache = new Cache<T>()
  cache.replace(objects.flatMap((object) => kind.trim(object) ?? []))
  return cache
}

function recording(): { client: ApiClient; requests: ApiRequest[] } {
  const requests: ApiRequest[] = []
  const request = (each: ApiRequest) => {
    requests.push(each)
    return Promise.resolve({})
  }
  return { client: { request } as ApiClient, requests }
}

const labels = { 'weft.dev/inject': 'enabled' }

test('the bundle goes to injected namespaces, to where meshed pods are, and to our own', async () => {
  const { client, requests } = recording()
  const corrections = trustBundleCorrections({
    client,
    namespace: 'weft-system',
    bundle,
    namespaces: cacheOf(
      namespaces,
      raw('weft-system'),
      raw('injected', {}, { labels }),
      raw('right', {}, { labels }),
      raw('wrong', {}, { labels }),
      raw('ending', {}, { labels, deletionTimestamp: '2026-11-21T00:00:00Z' }),
      raw('no-longer'),
      raw('other', {}, { labels: { 'weft.dev/inject': 'disabled' } }),
    ),
    pods: cacheOf(pods, rawPod('no-longer/cart'), rawPod('other/cart', { spec: { initContainers: [] } })),
    configMaps: cacheOf(
      configMaps('weft-trust-bundle'),
      raw('right/weft-trust-bundle', { data: { 'bundle.pem': bundle } }),
      raw('wrong/weft-trust-bundle', { data: { 'bundle.pem': 'old' } }),
    ),
  })
  expect(corrections.map(({ what }) => what)).toEqual(
    ['weft-system', 'injected', 'wrong', 'no-longer'].map((name) => `ConfigMap ${name}/weft-trust-bundle`),
  )
  await corrections[1]?.make()
  expect(requests).toMatchObject([
    {
      method: 'PATCH',
      path: '/api/v1/namespaces/injected/configmaps/weft-trust-bundle',
      query: { fieldManager: 'weft', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { data: { 'bundle.pem': bundle } },
    },
  ])
})

test('the webhooks are given the roots when one has others, and left alone when it has them', async () => {
  const { client, requests } = recording()
  const encoded = Buffer.from(bundle).toString('base64')
  const configuration = (caBundle?: string) =>
    cacheOf(
      injectorConfiguration,
      raw('weft-injector', {
        webhooks: [
          { name: 'inject.weft.dev', clientConfig: { caBundle: encoded } },
          { name: 'pod.inject.weft.dev', clientConfig: { caBundle } },
        ],
      }),
    )
  expect(caBundleCorrections(client, bundle, configuration(encoded))).toEqual([])
  expect(caBundleCorrections(client, bundle, cacheOf(injectorConfiguration))).toEqual([])
  await caBundleCorrections(client, bundle, configuration())[0]?.make()
  expect(requests[0]?.body).toMatchObject({
    webhooks: ['inject.weft.dev', 'pod.inject.weft.dev'].map((name) => ({
      name,
      clientConfig: { caBundle: encoded },
    })),
  })
})
