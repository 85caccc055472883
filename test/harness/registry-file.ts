import { renameSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'

export interface MeshEntry {
  trustDomain?: string
  networks?: readonly string[]
  egress?: 'passthrough' | 'registry-only'
  rejectPlaintextFromMesh?: boolean
  sidecarScope?: 'mesh' | 'namespace'
}

export interface WorkloadEntry {
  name: string
  namespace: string
  serviceAccount: string
  addresses: readonly string[]
  labels: Readonly<Record<string, string>>
  meshed: boolean
  ready: boolean
  hostNetwork?: boolean
  node?: string
  zone?: string
  region?: string
  ports?: Readonly<Record<string, number>>
}

export interface EndpointEntry {
  address: string
  ready?: boolean
  node?: string
  zone?: string
  hints?: readonly string[]
  ports?: Readonly<Record<string, number>>
}

export interface ServiceEntry {
  name: string
  namespace: string
  addresses: readonly string[]
  ingressAddresses?: readonly string[]
  /** Undefined, beside `endpoints`, for a service that names those. */
  selector?: Readonly<Record<string, string>> | undefined
  endpoints?: readonly EndpointEntry[]
  publishNotReadyAddresses?: boolean
  internalTrafficPolicy?: 'Cluster' | 'Local'
  trafficDistribution?: 'PreferSameZone' | 'PreferSameNode'
  sessionAffinity?: 'None' | 'ClientIP'
  sessionAffinitySeconds?: number
  ports: ReadonlyArray<{
    name?: string
    port: number
    targetPort?: number | string
    protocol?: 'TCP' | 'UDP' | 'SCTP'
  }>
}

export type PolicyEntry = PeerAuthentication | AuthorizationPolicy

type PlaintextMode = 'Permissive' | 'Strict'

export interface PeerAuthentication {
  kind: 'PeerAuthentication'
  name: string
  namespace: string
  mode: PlaintextMode
  selector?: Readonly<Record<string, string>>
  ports?: Readonly<Record<number, PlaintextMode>>
}

export interface AuthorizationPolicy {
  kind: 'AuthorizationPolicy'
  name: string
  namespace: string
  selector?: Readonly<Record<string, string>>
  action?: 'Allow' | 'Deny'
  dryRun?: boolean
  rules?: readonly PolicyRule[]
}

export interface PolicyRule {
  from?: readonly PolicySource[]
  to?: ReadonlyArray<{ ports?: readonly number[]; notPorts?: readonly number[] }>
}

export interface PolicySource {
  principals?: readonly string[]
  notPrincipals?: readonly string[]
  serviceAccounts?: readonly string[]
  notServiceAccounts?: readonly string[]
  namespaces?: readonly string[]
  notNamespaces?: readonly string[]
  ipBlocks?: readonly string[]
  notIpBlocks?: readonly string[]
}

/** The YAML file that the control plane watches; each change replaces it in one step. */
export class RegistryFile {
  readonly path: string
  #mesh: MeshEntry
  readonly #workloads = new Map<string, WorkloadEntry>()
  #crowd: readonly WorkloadEntry[] = []
  readonly #services = new Map<string, ServiceEntry>()
  readonly #policies = new Map<string, PolicyEntry>()

  constructor(path: string, mesh: MeshEntry) {
    this.path = path
    this.#mesh = mesh
    this.#write()
  }

  setMesh(mesh: MeshEntry): void {
    this.#mesh = { ...this.#mesh, ...mesh }
    this.#write()
  }

  setWorkload(entry: WorkloadEntry): void {
    this.#workloads.set(`${entry.namespace}/${entry.name}`, entry)
    this.#write()
  }

  removeWorkload({ namespace, name }: { namespace: string; name: string }): void {
    this.#workloads.delete(`${namespace}/${name}`)
    this.#write()
  }

  /** Replaces the workloads that this made, of which there may be thousands, and no others, in one step. */
  setWorkloads(entries: readonly WorkloadEntry[]): void {
    this.#crowd = entries
    this.#write()
  }

  setService(entry: ServiceEntry): void {
    this.#services.set(`${entry.namespace}/${entry.name}`, entry)
    this.#write()
  }

  removeService({ namespace, name }: { namespace: string; name: string }): void {
    this.#services.delete(`${namespace}/${name}`)
    this.#write()
  }

  setPolicy(entry: PolicyEntry): void {
    this.#policies.set(policyKey(entry), entry)
    this.#write()
  }

  removePolicy(entry: Pick<PolicyEntry, 'kind' | 'namespace' | 'name'>): void {
    this.#policies.delete(policyKey(entry))
    this.#write()
  }

  /** Puts one policy in the place of another, in one step. */
  exchangePolicy(old: Pick<PolicyEntry, 'kind' | 'namespace' | 'name'>, entry: PolicyEntry): void {
    this.#policies.delete(policyKey(old))
    this.setPolicy(entry)
  }

  /** Puts any text in the file's place, good or bad; the next change brings back what was there. */
  writeText(text: string): void {
    writeFileSync(`${this.path}.next`, text)
    renameSync(`${this.path}.next`, this.path)
  }

  #write(): void {
    this.writeText(
      stringify(
        {
          mesh: this.#mesh,
          workloads: [...this.#workloads.values(), ...this.#crowd],
          services: [...this.#services.values()],
          policies: [...this.#policies.values()],
        },
        { aliasDuplicateObjects: false },
      ),
    )
  }
}

function policyKey({ kind, namespace, name }: Pick<PolicyEntry, 'kind' | 'namespace' | 'name'>): string {
  return `${kind}/${namespace}/${name}`
}
