/** One machine of a test cluster. */
export interface NodePlan {
  readonly name: 'weft-node' | 'weft-node-2'
  /** IPv4, then IPv6. */
  readonly addresses: readonly [string, string]
  /** Its share of the pods' addresses, as the controller manager allocates it to the node that comes in this place. */
  readonly pods: readonly [string, string]
  readonly zone: string
  /** How kube-proxy of this node does its work; each mode that the kernel has is there once. */
  readonly proxyMode: 'iptables' | 'nftables'
}

/**
 * The addresses of a test cluster. All of them live in network namespaces of its own, one a node, with a link between
 * the two, and nothing leads out of it.
 */
export const plan = {
  nodes: [
    {
      name: 'weft-node',
      addresses: ['10.89.0.2', 'fd89::2'],
      pods: ['10.244.0.0/24', 'fd10:244::/64'],
      zone: 'zone-a',
      proxyMode: 'iptables',
    },
    {
      name: 'weft-node-2',
      addresses: ['10.89.0.3', 'fd89::3'],
      pods: ['10.244.1.0/24', 'fd10:244:0:1::/64'],
      zone: 'zone-b',
      proxyMode: 'nftables',
    },
  ],
  /** How packets between pods of different nodes travel: VXLAN, whose headers leave them 50 bytes less than the link has. */
  overlay: { device: 'overlay0', id: 1, port: 8472, mtu: 1450 },
  pods: ['10.244.0.0/16', 'fd10:244::/56'],
  services: ['10.96.0.0/16', 'fd96::/112'],
  apiService: '10.96.0.1',
  dns: '10.96.0.10',
  apiPort: 6443,
  domain: 'cluster.local',
} as const satisfies { readonly nodes: readonly [NodePlan, NodePlan] } & Readonly<Record<string, unknown>>
