import type { IpAddress } from '#mesh/address.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { Pod } from '../../watch/kubernetes/objects/pod.ts'
import { type Caller, TokenRefused, type TokenVerifier } from '../tokens.ts'
import type { ReviewedTokens } from './reviewed-tokens.ts'

export interface BoundTokensOptions {
  readonly reviewed: Pick<ReviewedTokens, 'callerOf'>
  readonly pods: Pick<Cache<Pod>, 'get' | 'subscribe'>
  /** Refuse a token that comes from another address than its pod's; off only where the network hides addresses. */
  readonly checkPeerAddress: boolean
  /** Milliseconds to wait for the watch to know of a pod that has just been made; 2 s by default. */
  readonly patience?: number
}

/** Judges projected tokens: the API server says whose they are, the watch whether that pod is there and where. */
export class BoundTokens implements TokenVerifier {
  readonly #options: BoundTokensOptions

  constructor(options: BoundTokensOptions) {
    this.#options = options
  }

  async verify(token: string, peerAddress: IpAddress | undefined): Promise<Caller> {
    const caller = await this.#options.reviewed.callerOf(token)
    const pod = await this.#podOf(caller)
    requireSamePod(caller, pod)
    if (this.#options.checkPeerAddress) requireOwnAddress(pod, peerAddress)
    return caller
  }

  /** A sidecar may be faster than the kubelet that reports its pod's address. */
  async #podOf({ namespace, podName, podUid }: Caller): Promise<Pod | undefined> {
    const { pods, checkPeerAddress, patience = 2_000 } = this.#options
    const find = () => pods.get(`${namespace}/${podName}`)
    const isKnown = (pod: Pod | undefined) =>
      pod?.uid === podUid && (!checkPeerAddress || pod.addresses.length > 0)
    const deadline = performance.now() + patience
    for (let left = patience; left > 0 && !isKnown(find()); left = deadline - performance.now()) {
      await changeWithin(pods, left)
    }
    return find()
  }
}

async function changeWithin(pods: Pick<Cache<Pod>, 'subscribe'>, milliseconds: number): Promise<void> {
  const changed = new AbortController()
  const unsubscribe = pods.subscribe(() => changed.abort())
  await sleep(milliseconds, changed.signal)
  unsubscribe()
}

function requireSamePod(caller: Caller, pod: Pod | undefined): asserts pod is Pod {
  const name = `${caller.namespace}/${caller.podName}`
  if (!pod) throw new TokenRefused('pod_gone', `there is no running pod ${name}`)
  if (pod.uid !== caller.podUid) {
    throw new TokenRefused('pod_replaced', `pod ${name} is ${pod.uid} now, the token is of ${caller.podUid}`)
  }
  if (pod.serviceAccount !== caller.serviceAccount) {
    const message = `pod ${name} runs as ${pod.serviceAccount}, the token says ${caller.serviceAccount}`
    throw new TokenRefused('other_service_account', message)
  }
}

/** A token is shown at every renewal, so replay cannot mean "seen before": it means "from somewhere else". */
function requireOwnAddress({ namespace, name, addresses }: Pod, peer: IpAddress | undefined): void {
  // Not a refusal: the same token will be good in a moment.
  if (addresses.length === 0) throw new Error(`the addresses of pod ${namespace}/${name} are not known yet`)
  if (peer !== undefined && addresses.includes(peer)) return
  const message = `the token of pod ${namespace}/${name} came from ${peer ?? 'an unknown address'}`
  throw new TokenRefused('other_address', message)
}
