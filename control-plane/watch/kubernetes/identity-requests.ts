import { type IdentityRequests, identityConfigMap, parseIdentityRequests } from '#mesh/identity-requests.ts'
import { aborted } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { Changeable, type Changing } from '../../authority/changing.ts'
import type { Cache } from './list-watch/cache.ts'
import type { ConfigMap } from './objects/config-map.ts'

export interface KubernetesIdentityRequestsOptions {
  /** The ConfigMap as it is watched. */
  readonly configMaps: Pick<Cache<ConfigMap>, 'listed' | 'values' | 'subscribe'>
  readonly log: Log
  /** Ends waiting for the API server. */
  readonly signal: AbortSignal
}

/**
 * What operators wrote into the ConfigMap. Resolves once the API server said what is there, since nobody may be served
 * before it is known who is revoked. Rejects when the signal aborts first.
 */
export async function followIdentityRequests(
  options: KubernetesIdentityRequestsOptions,
): Promise<Changing<IdentityRequests>> {
  const { configMaps, log, signal } = options
  const { promise: listed, resolve } = Promise.withResolvers<void>()
  const unsubscribe = configMaps.subscribe(() => configMaps.listed && resolve())
  if (!configMaps.listed) await Promise.race([listed, aborted(signal)])
  unsubscribe()
  signal.throwIfAborted()

  const read = (): IdentityRequests => {
    const [map] = configMaps.values()
    const { requests, problems } = parseIdentityRequests(map?.data ?? {})
    for (const problem of problems) {
      log.error('a request about identities cannot be read', {
        place: `ConfigMap ${identityConfigMap}`,
        problem,
      })
    }
    return requests
  }
  const requests = new Changeable(read())
  // The cache lives as long as the platform, and so does this.
  configMaps.subscribe(() => requests.set(read()))
  return requests
}
