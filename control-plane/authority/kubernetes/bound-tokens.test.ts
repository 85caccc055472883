import { describe, expect, test } from 'vitest'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import { type Pod, trimPod } from '../../watch/kubernetes/objects/pod.ts'
import { type RunningPod, rawPod } from '../../watch/kubernetes/testing/raw.ts'
import type { Caller, TokenRefusal } from '../tokens.ts'
import { BoundTokens } from './bound-tokens.ts'

const own = parseIp('10.244.0.5')!
const other = parseIp('10.244.0.6')!
const caller: Caller = {
  namespace: 'shop',
  podName: 'cart-1',
  podUid: 'uid-of-shop/cart-1',
  serviceAccount: 'cart',
}

function tokens(options: { pod?: RunningPod; absent?: boolean; checkPeerAddress?: boolean } = {}) {
  const pods = new Cache<Pod>()
  const set = (parts: RunningPod = {}) => pods.set('shop/cart-1', trimPod(rawPod('shop/cart-1', parts)))
  pods.replace([])
  if (!options.absent) set(options.pod)
  const verifier = new BoundTokens({
    reviewed: { callerOf: () => Promise.resolve(caller) },
    pods,
    checkPeerAddress: options.checkPeerAddress ?? true,
    patience: 100,
  })
  // From its own address, unless another one is given, which may be none.
  const verify = (...peer: [IpAddress?]) => verifier.verify('token', peer.length === 0 ? own : peer[0])
  return { set, verify }
}

const refused = (reason: TokenRefusal) => expect.objectContaining({ name: 'TokenRefused', reason })

describe('a token that Kubernetes accepts', () => {
  test('is good from its own pod', async () => {
    expect(await tokens().verify()).toEqual(caller)
  })

  test.each([
    ['another address', other],
    ['an address that is not known', undefined],
  ])('is refused from %s', async (_, peer) => {
    await expect(tokens().verify(peer)).rejects.toEqual(refused('other_address'))
  })

  test('is good from anywhere where the network hides addresses', async () => {
    expect(await tokens({ checkPeerAddress: false }).verify(other)).toEqual(caller)
  })

  test.each<[TokenRefusal, RunningPod]>([
    ['pod_replaced', { metadata: { uid: 'another' } }],
    ['other_service_account', { spec: { serviceAccountName: 'admin' } }],
  ])('is refused as %s', async (reason, pod) => {
    await expect(tokens({ pod }).verify()).rejects.toEqual(refused(reason))
  })

  test('is refused when its pod is gone, or has run to its end', async () => {
    await expect(tokens({ absent: true }).verify()).rejects.toEqual(refused('pod_gone'))
    const ended = tokens({ pod: { status: { phase: 'Succeeded' } } })
    await expect(ended.verify()).rejects.toEqual(refused('pod_gone'))
  })

  test('waits for a pod that the watch has not told of yet, or not where it is', async () => {
    const early = tokens({ absent: true })
    const first = early.verify()
    early.set({ status: { podIP: '', podIPs: [] } })
    await pause(20)
    early.set()
    expect(await first).toEqual(caller)
  })

  test('is not refused, only not judged, while its address is not known', async () => {
    const { verify } = tokens({ pod: { status: { podIP: '', podIPs: [] } } })
    await expect(verify()).rejects.toThrow('the addresses of pod shop/cart-1 are not known yet')
    await expect(verify()).rejects.not.toEqual(refused('other_address'))
  })
})

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
