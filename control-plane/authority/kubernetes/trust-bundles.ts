import { trustConfigMap } from '#mesh/injected.ts'
import { apply, ownLabels } from '../../watch/kubernetes/api/apply.ts'
import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import type { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { ConfigMap } from '../../watch/kubernetes/objects/config-map.ts'
import type { Namespace } from '../../watch/kubernetes/objects/namespace.ts'
import type { Pod } from '../../watch/kubernetes/objects/pod.ts'
import {
  type WebhookConfiguration,
  webhookConfigurationsPath,
} from '../../watch/kubernetes/objects/webhook-configuration.ts'
import type { Correction } from '../../watch/kubernetes/writers/writer.ts'

const bundleKey = 'bundle.pem'

export interface TrustBundlesOptions {
  readonly client: ApiClient
  /** The control plane's own namespace. */
  readonly namespace: string
  /** The roots in PEM. */
  readonly bundle: string
  readonly namespaces: Pick<Cache<Namespace>, 'values'>
  readonly pods: Pick<Cache<Pod>, 'values'>
  readonly configMaps: Pick<Cache<ConfigMap>, 'get'>
}

/** The ConfigMaps that sidecars learn the roots from: in injected namespaces, where meshed pods are, and in our own. */
export function trustBundleCorrections(options: TrustBundlesOptions): Correction[] {
  const { client, namespace, bundle, namespaces, pods, configMaps } = options
  const meshed = new Set([...pods.values()].filter((pod) => pod.meshed).map((pod) => pod.namespace))
  return [...namespaces.values()]
    .filter(({ name, injected, terminating }) => {
      return !terminating && (injected || name === namespace || meshed.has(name))
    })
    .filter(({ name }) => configMaps.get(`${name}/${trustConfigMap}`)?.data[bundleKey] !== bundle)
    .map(({ name }) => ({
      what: `ConfigMap ${name}/${trustConfigMap}`,
      make: () =>
        apply(client, `/api/v1/namespaces/${name}/configmaps/${trustConfigMap}`, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: trustConfigMap, namespace: name, labels: ownLabels },
          data: { [bundleKey]: bundle },
        }),
    }))
}

/** The webhook configurations by which the API server knows the injector's certificate for a good one. */
export function caBundleCorrections(
  client: ApiClient,
  bundle: string,
  configurations: Pick<Cache<WebhookConfiguration>, 'values'>,
): Correction[] {
  return [...configurations.values()]
    .filter(({ webhooks }) => webhooks.some(({ caBundle }) => caBundle !== bundle))
    .map(({ name, webhooks }) => ({
      what: `MutatingWebhookConfiguration ${name}`,
      make: () =>
        apply(client, `${webhookConfigurationsPath}/${name}`, {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'MutatingWebhookConfiguration',
          metadata: { name },
          webhooks: webhooks.map((webhook) => ({
            name: webhook.name,
            clientConfig: { caBundle: Buffer.from(bundle).toString('base64') },
          })),
        }),
    }))
}
