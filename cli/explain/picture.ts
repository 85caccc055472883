import * as v from 'valibot'
import { parseCidr, parseIp } from '#mesh/address.ts'
import { createSnapshot, type Snapshot } from '#mesh/snapshot.ts'
import { parseSpiffeId } from '#mesh/spiffe-id.ts'

// What `GET /picture` of a sidecar answers, read back into what the sidecar decides by.

const text = v.string()
const list = <Item extends v.GenericSchema>(item: Item) => v.array(item)
const port = v.pipe(v.number(), v.integer())

const ip = parsed(parseIp, 'an IP address')
const range = parsed(parseCidr, 'an address range')
const identity = parsed(parseSpiffeId, 'a SPIFFE id')

const stringMatch = v.variant('kind', [
  v.object({ kind: v.literal('exact'), value: text }),
  v.object({ kind: v.literal('prefix'), value: text }),
  v.object({ kind: v.literal('suffix'), value: text }),
  v.object({ kind: v.literal('presence') }),
])
const account = v.object({ namespace: text, serviceAccount: text })

const match = v.object({
  principals: list(stringMatch),
  notPrincipals: list(stringMatch),
  namespaces: list(stringMatch),
  notNamespaces: list(stringMatch),
  serviceAccounts: list(account),
  notServiceAccounts: list(account),
  sourceIps: list(range),
  notSourceIps: list(range),
  destinationIps: list(range),
  notDestinationIps: list(range),
  destinationPorts: list(port),
  notDestinationPorts: list(port),
})

const authorization = v.object({
  key: text,
  name: text,
  namespace: text,
  scope: v.picklist(['global', 'namespace', 'workload']),
  action: v.picklist(['allow', 'deny']),
  rules: list(v.object({ clauses: list(v.object({ matches: list(match) })) })),
  dryRun: v.boolean(),
})

const portMapping = v.object({ servicePort: port, targetPort: port })

const workload = v.object({
  uid: text,
  name: text,
  namespace: text,
  clusterId: text,
  network: text,
  identity,
  addresses: list(ip),
  tunnel: v.picklist(['hbone', 'none']),
  hostNetwork: v.boolean(),
  health: v.picklist(['healthy', 'unhealthy']),
  node: text,
  locality: v.object({ region: text, zone: text, subzone: text }),
  owner: v.object({ type: v.picklist(['deployment', 'cronjob', 'pod', 'job']), name: text }),
  canonicalName: text,
  canonicalRevision: text,
  services: v.pipe(
    list(v.object({ service: text, ports: list(portMapping) })),
    v.transform((all) => new Map(all.map(({ service, ports }) => [service, ports]))),
  ),
  authorizationPolicies: list(text),
})

const service = v.object({
  key: text,
  name: text,
  namespace: text,
  hostname: text,
  addresses: list(v.object({ network: text, ip })),
  ports: list(portMapping),
  publishNotReady: v.boolean(),
  preference: v.object({
    mode: v.picklist(['any', 'failover', 'strict']),
    scopes: list(v.picklist(['region', 'zone', 'subzone', 'node', 'cluster', 'network'])),
    zoneHints: v.pipe(
      list(v.object({ endpoint: text, zones: list(text) })),
      v.transform((all) => new Map(all.map(({ endpoint, zones }) => [endpoint, zones]))),
    ),
  }),
  affinity: v.variant('kind', [
    v.object({ kind: v.literal('none') }),
    v.object({ kind: v.literal('client-ip'), seconds: v.number() }),
  ]),
})

const snapshot = v.pipe(
  v.object({
    settings: v.object({
      network: text,
      networks: list(range),
      egress: v.picklist(['passthrough', 'registry-only']),
      rejectPlaintextFromMesh: v.boolean(),
      sidecarScope: v.picklist(['mesh', 'namespace']),
    }),
    workloads: list(workload),
    services: list(service),
    authorizations: list(authorization),
  }),
  v.transform(({ settings, ...parts }): Snapshot => {
    return createSnapshot({
      settings,
      workloads: new Map(parts.workloads.map((one) => [one.uid, one])),
      services: new Map(parts.services.map((one) => [one.key, one])),
      authorizations: new Map(parts.authorizations.map((one) => [one.key, one])),
    })
  }),
)

/** A sidecar's picture of the mesh, and how good it is. */
export interface SidecarPicture {
  /** The uid of its own workload. */
  readonly own: string
  /** Undefined when it is ready. */
  readonly waitsFor?: string | undefined
  readonly controlPlane: 'connected' | 'away'
  readonly mesh: Snapshot
}

export const picture: v.GenericSchema<unknown, SidecarPicture> = v.object({
  own: text,
  waitsFor: v.optional(text),
  controlPlane: v.picklist(['connected', 'away']),
  mesh: snapshot,
})

function parsed<T>(parse: (written: string) => T | undefined, what: string) {
  return v.pipe(
    text,
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value)
      if (value !== undefined) return value
      addIssue({ message: `${dataset.value} is not ${what}` })
      return NEVER
    }),
  )
}
