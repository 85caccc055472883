import type { Facts, PodFacts, SidecarState } from '../facts.ts'
import { count, type Finding, ok, some, unseen } from '../finding.ts'

const check = 'sidecars'

/** Meshed pods whose redirection or sidecar does not come up, and sidecars of another version. */
export function checkSidecars({ pods, version }: Facts): Finding[] {
  if (pods.kind !== 'seen')
    return [unseen(check, 'pods', pods.kind === 'hidden' ? pods.why : 'there are none')]
  const meshed = pods.value.flatMap((pod) => (pod.mesh.kind === 'meshed' ? [{ pod, ...pod.mesh }] : []))
  const failing = meshed.flatMap(({ pod, state }) => failure(pod, state))
  const others = meshed.filter(({ image }) => tagOf(image) !== undefined && tagOf(image) !== version)
  const ready = meshed.filter(({ state }) => state.kind === 'ready').length
  const outdated: Finding = {
    check,
    level: 'warning',
    message: `${count(others.length, 'sidecar')} of another version than ${version}: ${some(places(others.map(({ pod }) => pod)))}`,
    remedy: 'a sidecar changes when its pod is made anew: restart these at leisure',
  }
  const good = ok(check, `${ready} of ${count(meshed.length, 'meshed pod')} have a sidecar that is ready`)
  return [...(failing.length > 0 ? failing : [good]), ...(others.length > 0 ? [outdated] : [])]
}

function failure(pod: PodFacts, state: SidecarState): Finding[] {
  const { namespace, name, node } = pod
  switch (state.kind) {
    case 'ready':
      return []
    case 'redirection-failed':
      return [
        {
          check,
          level: 'problem',
          message: `weft-init of ${namespace}/${name} failed on node ${node}: ${state.message}`,
          remedy:
            'where neither iptables-nft nor iptables-legacy works, the node lacks the kernel modules: load them there',
          commands: [
            `kubectl -n ${namespace} logs ${name} -c weft-init`,
            'modprobe -a nf_tables nft_chain_nat nft_compat xt_REDIRECT xt_owner xt_addrtype',
          ],
        },
      ]
    case 'waiting':
      return [
        {
          check,
          level: 'warning',
          message: `the sidecar of ${namespace}/${name} is not ready: ${state.message}`,
          remedy: 'its log says what it waits for',
          commands: [`kubectl -n ${namespace} logs ${name} -c weft-proxy --tail=50`],
        },
      ]
  }
}

function places(pods: readonly PodFacts[]): string[] {
  return [...new Set(pods.map(({ namespace, owner }) => `${namespace}/${owner}`))]
}

function tagOf(image: string): string | undefined {
  const tag = /:([^:/@]+)(@|$)/.exec(image)?.[1]
  return tag !== undefined && /^v?\d+\.\d+\.\d+/.test(tag) ? tag : undefined
}
