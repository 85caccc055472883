/** The addresses of a test cluster. All of them live in its own network namespace, and nothing leads out of it. */
export const plan = {
  node: '10.89.0.2',
  nodeName: 'weft-node',
  pods: '10.244.0.0/16',
  /** The only node's share of the pods' addresses, as the controller manager will allocate it. */
  nodePods: '10.244.0.0/24',
  services: '10.96.0.0/16',
  apiService: '10.96.0.1',
  dns: '10.96.0.10',
  apiPort: 6443,
  domain: 'cluster.local',
} as const
