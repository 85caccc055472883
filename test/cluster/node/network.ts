import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './place.ts'
import { type NodePlan, plan } from './plan.ts'

/** Makes the network namespace of the second node, and the link to it; answers what to enter it by. */
export function linkSecondNode(): string {
  const { name } = plan.nodes[1]
  execFileSync('ip', ['netns', 'add', name])
  execFileSync('ip', ['link', 'add', 'node0', 'type', 'veth', 'peer', 'name', 'node0', 'netns', name])
  return join('/run/netns', name)
}

/**
 * Gives this node its addresses, an overlay to the other one's pods as Flannel makes it, and a default route to where
 * nobody answers.
 */
export function makeNetwork({ name, addresses: [ipv4, ipv6], pods }: NodePlan): void {
  const other = plan.nodes.find((node) => node.name !== name)!
  const [own, others] = [pods, other.pods].map((subnets) => subnets.map((subnet) => subnet.split('/')[0]!))
  const { device, mtu, id, port } = plan.overlay
  const commands = [
    'link set lo up',
    'link set node0 up',
    `address add ${ipv4}/24 dev node0`,
    `address add ${ipv6}/64 dev node0 nodad`,
    `link add ${device} mtu ${mtu} type vxlan id ${id} dstport ${port} local ${ipv4} remote ${other.addresses[0]} dev node0`,
    // The first address of a node's share is its end of the overlay: what the node itself sends comes from there.
    `address add ${own![0]}/32 dev ${device}`,
    `address add ${own![1]}/128 dev ${device} nodad`,
    `link set ${device} up`,
    `route add ${other.pods[0]} via ${others![0]} dev ${device} onlink`,
    `-6 route add ${other.pods[1]} via ${others![1]} dev ${device} onlink`,
    // A Service's address needs some route for the kernel to get as far as translating it.
    'route add default dev node0',
    '-6 route add default dev node0',
  ]
  for (const command of commands) execFileSync('ip', command.split(' '))
  const settings: readonly (readonly [string, string])[] = [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/bridge/bridge-nf-call-iptables', '1'],
    ['net/bridge/bridge-nf-call-ip6tables', '1'],
  ]
  for (const [name, value] of settings) writeFileSync(join('/proc/sys', name), value)
}

/** Writes how this node's pods get their network; answers the directory. */
export function writeCniConfiguration(place: Place, { pods }: NodePlan): string {
  const directory = join(place.config, 'cni')
  const list = {
    cniVersion: '1.0.0',
    name: 'weft-test',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        mtu: plan.overlay.mtu,
        isGateway: true,
        // A pod may reach itself through its Service.
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: pods.map((subnet) => [{ subnet }]),
          routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, '10-weft-test.conflist'), JSON.stringify(list, null, 2))
  return directory
}
