import type { V1Lease, V1Namespace, V1Node } from '@kubernetes/client-node'
import { injectKey } from '#mesh/annotations.ts'
import { Failure } from '../../failure.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { reasonOf } from '../../kubernetes/connection.ts'
import { mapSeen, type Seen, seenOr } from '../../kubernetes/seen.ts'
import type { Facts, NamespaceFacts, NodeFacts, ServerFacts } from '../facts.ts'

/** What there is without weft: the server, its nodes and namespaces. */
export async function gatherCluster(
  connection: Connection,
): Promise<Pick<Facts, 'server' | 'nodes' | 'namespaces'>> {
  const server = await gatherServer(connection)
  const [nodes, leases, namespaces] = await Promise.all([
    connection.list<V1Node>('/api/v1/nodes'),
    connection.list<V1Lease>('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'),
    gatherNamespaces(connection),
  ])
  const clock = server.clock
  return {
    server,
    namespaces,
    nodes: mapSeen(nodes, (list) => list.map((node) => nodeFacts(node, leases, clock))),
  }
}

export async function gatherNamespaces(connection: Connection): Promise<Seen<readonly NamespaceFacts[]>> {
  const list = await connection.list<V1Namespace>('/api/v1/namespaces')
  return mapSeen(list, (namespaces) => namespaces.map(namespaceFacts))
}

async function gatherServer(connection: Connection): Promise<ServerFacts> {
  const sent = Date.now()
  const answer = await connection.send('GET', '/version')
  const here = (sent + Date.now()) / 2
  const { gitVersion, minor } = answer.body as { gitVersion?: string; minor?: string }
  if (answer.status >= 300 || gitVersion === undefined) {
    throw new Failure(`weft check: ${connection.server} does not say its version: ${reasonOf(answer)}`, {
      status: 2,
    })
  }
  return {
    version: gitVersion,
    minor: Number.parseInt(minor ?? '', 10),
    // The header counts whole seconds, so half of one is nobody's fault.
    clock: { here, server: answer.date === undefined ? undefined : answer.date + 500 },
  }
}

function nodeFacts(node: V1Node, leases: Seen<readonly V1Lease[]>, clock: ServerFacts['clock']): NodeFacts {
  const { metadata, status } = node
  const name = metadata?.name ?? ''
  const renewed = seenOr(leases, []).find((lease) => lease.metadata?.name === name)?.spec?.renewTime
  const {
    operatingSystem: os = '',
    kubeletVersion: version = '',
    kernelVersion: kernel = '',
  } = status?.nodeInfo ?? {}
  const ahead = renewed && clock.server !== undefined ? Date.parse(String(renewed)) - clock.server : undefined
  return { name, os, version, kernel, clockAhead: ahead }
}

function namespaceFacts({ metadata }: V1Namespace): NamespaceFacts {
  const labels = metadata?.labels ?? {}
  const level = labels['pod-security.kubernetes.io/enforce'] ?? 'privileged'
  return {
    name: metadata?.name ?? '',
    labels,
    injected: labels[injectKey] === 'enabled',
    // A level that does not exist is enforced as the strictest one.
    podSecurity: level === 'privileged' || level === 'baseline' ? level : 'restricted',
  }
}
