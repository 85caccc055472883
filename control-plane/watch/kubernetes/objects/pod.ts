import { type IpAddress, parseIp } from '#mesh/address.ts'
import { proxyName } from '#mesh/injected.ts'
import type { Labels } from '#mesh/policy/documents.ts'
import type { Workload } from '#mesh/workload.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface Pod extends Kept {
  readonly labels: Labels
  readonly serviceAccount: string
  /** Empty until it is scheduled. */
  readonly node: string
  readonly hostNetwork: boolean
  /** Whether its spec, which nobody can change, holds the proxy. */
  readonly meshed: boolean
  /** None until its network is set up. */
  readonly addresses: readonly IpAddress[]
  readonly ready: boolean
  readonly terminating: boolean
  /** Milliseconds since 1970. */
  readonly created: number
  readonly owner: Workload['owner']
  /** Named TCP ports of its containers. */
  readonly ports: ReadonlyMap<string, number>
}

export const pods: Kind<Pod> = { name: 'pods', path: '/api/v1/pods', trim: trimPod }

/** Undefined for a pod that has run to its end: its address may be another pod's by now. */
export function trimPod(object: RawObject): Pod | undefined {
  const { metadata, spec = {}, status = {} } = object as RawPod
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return undefined
  const terminating = metadata.deletionTimestamp !== undefined
  const hostNetwork = spec.hostNetwork === true
  return {
    ...kept(object),
    labels: metadata.labels ?? {},
    serviceAccount: spec.serviceAccountName || 'default',
    node: spec.nodeName ?? '',
    hostNetwork,
    meshed: !hostNetwork && holdsProxy(spec),
    addresses: addressesOf(status),
    ready: !terminating && isReady(status),
    terminating,
    created: Date.parse(metadata.creationTimestamp ?? '') || 0,
    owner: ownerOf(metadata),
    ports: namedPorts(spec),
  }
}

interface RawPod extends RawObject {
  readonly metadata: RawObject['metadata'] & {
    readonly labels?: Labels
    readonly deletionTimestamp?: string
    readonly creationTimestamp?: string
    readonly ownerReferences?: readonly { kind: string; name: string; controller?: boolean }[]
  }
  readonly spec?: RawSpec
  readonly status?: RawStatus
}

interface RawSpec {
  readonly serviceAccountName?: string
  readonly nodeName?: string
  readonly hostNetwork?: boolean
  readonly initContainers?: readonly RawContainer[]
  readonly containers?: readonly RawContainer[]
}

interface RawContainer {
  readonly name: string
  readonly restartPolicy?: string
  readonly ports?: readonly { name?: string; containerPort: number; protocol?: string }[]
}

interface RawStatus {
  readonly phase?: string
  readonly podIP?: string
  readonly podIPs?: readonly { ip: string }[]
  readonly conditions?: readonly { type: string; status: string }[]
}

function holdsProxy({ initContainers = [] }: RawSpec): boolean {
  return initContainers.some(({ name, restartPolicy }) => name === proxyName && restartPolicy === 'Always')
}

function addressesOf({ podIP, podIPs }: RawStatus): IpAddress[] {
  const written = podIPs?.map(({ ip }) => ip) ?? (podIP ? [podIP] : [])
  return written.flatMap((ip) => parseIp(ip) ?? [])
}

function isReady({ conditions = [] }: RawStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

/** Named ports of all containers; the first of a name counts, as it does for kube-proxy's endpoints. */
function namedPorts({ containers = [], initContainers = [] }: RawSpec): ReadonlyMap<string, number> {
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  const ports = new Map<string, number>()
  for (const { ports: declared = [] } of [...containers, ...sidecars]) {
    for (const { name, containerPort, protocol = 'TCP' } of declared) {
      if (name !== undefined && protocol === 'TCP' && !ports.has(name)) ports.set(name, containerPort)
    }
  }
  return ports
}

/** What people call the workload: the Deployment behind a ReplicaSet, the CronJob behind a Job. */
function ownerOf({ name, labels = {}, ownerReferences = [] }: RawPod['metadata']): Workload['owner'] {
  const owner = ownerReferences.find(({ controller }) => controller === true)
  if (!owner) return { type: 'pod', name }
  switch (owner.kind) {
    case 'ReplicaSet': {
      const suffix = `-${labels['pod-template-hash'] ?? ''}`
      const ofDeployment = suffix !== '-' && owner.name.endsWith(suffix)
      return { type: 'deployment', name: ofDeployment ? owner.name.slice(0, -suffix.length) : owner.name }
    }
    case 'Job': {
      // A CronJob names its Jobs by the minute, which has eight digits until the year 2160.
      const cronJob = /^(.+)-\d{8}$/.exec(owner.name)?.[1]
      return cronJob === undefined ? { type: 'job', name: owner.name } : { type: 'cronjob', name: cronJob }
    }
    default:
      return { type: 'pod', name: owner.name }
  }
}
