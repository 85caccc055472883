import { randomUUID } from 'node:crypto'
import { identityConfigMap } from '#mesh/identity-requests.ts'
import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import { BoundTokens } from './authority/kubernetes/bound-tokens.ts'
import { ConfigMapLedger } from './authority/kubernetes/config-map-ledger.ts'
import { Lease } from './authority/kubernetes/lease.ts'
import { ReviewedTokens } from './authority/kubernetes/reviewed-tokens.ts'
import { SecretSigners, secretNames } from './authority/kubernetes/secret-signers.ts'
import { secretSource } from './authority/kubernetes/secret-source.ts'
import { reviewToken } from './authority/kubernetes/token-review.ts'
import { configMapStatus } from './authority/revocation/identity-status.ts'
import { pruneRegularly } from './authority/serials/pruning.ts'
import { startWriters } from './kubernetes-writers.ts'
import type { RegistryState } from './model/registry-state.ts'
import type { Platform } from './platform.ts'
import { type ApiAccess, loadAccess } from './watch/kubernetes/api/access.ts'
import { createApiClient } from './watch/kubernetes/api/client.ts'
import { Cluster } from './watch/kubernetes/cluster.ts'
import { followIdentityRequests } from './watch/kubernetes/identity-requests.ts'
import { createKubernetesRegistry, type Outcome } from './watch/kubernetes/kubernetes-registry.ts'
import { configMaps } from './watch/kubernetes/objects/config-map.ts'
import { secret } from './watch/kubernetes/objects/secret.ts'

export interface KubernetesPlatformOptions {
  /** The control plane's own namespace. */
  readonly namespace: string
  /** The replica's name in the Lease. */
  readonly podName: string
  /** The Secret of a certificate authority of somebody's own. */
  readonly caSecret?: string | undefined
  readonly checkTokenAddress: boolean
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  readonly log: Log
  readonly metrics: Metrics
  /** The pod's own service account, or the kubeconfig that the environment names, unless another is given. */
  readonly access?: ApiAccess
  /** Ends waiting for what another replica writes. */
  readonly signal: AbortSignal
}

/** A Kubernetes cluster. Rejects with a sentence when there is none to talk to. */
export async function openKubernetesPlatform(options: KubernetesPlatformOptions): Promise<Platform> {
  const { namespace, podName, checkTokenAddress: checkPeerAddress, log, metrics, signal } = options
  await using stack = new AsyncDisposableStack()
  const access = options.access ?? (await loadAccess())
  const client = stack.adopt(createApiClient(access), (opened) => opened.close())
  const cluster = stack.adopt(new Cluster({ client, namespace, log, metrics }), (opened) => opened.close())
  const secrets = {
    root: cluster.watch(secret(secretNames.root, namespace)),
    issuer: cluster.watch(secret(secretNames.issuer, namespace)),
  }
  const { caSecret } = options
  const pluggedCa =
    caSecret === undefined
      ? undefined
      : secretSource({
          namespace,
          name: caSecret,
          secrets: cluster.watch(secret(caSecret, namespace)),
          signal,
        })
  // A pod that is restarted keeps its name, and must not believe that it still holds what it held.
  const identity = `${podName}_${randomUUID().slice(0, 8)}`
  const lease = stack.use(new Lease({ client, namespace, name: 'weft-control-plane', identity, log }))
  const writers = stack.use(startWriters({ client, cluster, namespace, leading: lease.holding, log }))
  const serials = new ConfigMapLedger({ client, namespace, lifetime: options.lifetime })
  stack.use(pruneRegularly(serials, { leads: () => lease.holding.current, log }))
  const asked = cluster.watch(configMaps(identityConfigMap, namespace))
  const identityRequests = await followIdentityRequests({ configMaps: asked, log, signal })
  const reviewed = new ReviewedTokens({ review: (token) => reviewToken(client, token) })
  const opened = stack.move()
  const { holding: leading } = lease
  const outcomes = new WeakMap<RegistryState, Outcome>()
  const isThere = (pod: string) => cluster.pods.get(`${namespace}/${pod}`) !== undefined
  return {
    registry: createKubernetesRegistry({
      cluster,
      log,
      metrics,
      yielded: (outcome) => void outcomes.set(outcome.state, outcome),
    }),
    signers: new SecretSigners({ client, namespace, secrets, leading, signal }),
    pluggedCa,
    tokens: new BoundTokens({ reviewed, pods: cluster.pods, checkPeerAddress }),
    identityRequests,
    identityStatus: configMapStatus(client, namespace),
    replica: {
      name: podName,
      // Where this one is no pod, the others may be none either.
      isGone: (name) => isThere(podName) && !isThere(name),
    },
    serials,
    publishTrust: (bundle) => Promise.resolve(writers.takeBundle(bundle)),
    unwrittenTrust: () => writers.unwritten(),
    // Only what is in force is told to its authors.
    published(state) {
      const outcome = outcomes.get(state)
      if (outcome) writers.take(outcome)
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
