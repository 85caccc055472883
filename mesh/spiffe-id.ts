declare const brand: unique symbol

/** A workload's identity, `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. Only parsing makes one. */
export interface SpiffeId {
  readonly trustDomain: string
  readonly namespace: string
  readonly serviceAccount: string
  readonly [brand]: 'SpiffeId'
}

/** What policies and Authorization resources call a principal: the identity without its scheme. */
export type Principal = string

const trustDomain = /^[a-z0-9._-]{1,255}$/
// A namespace is a DNS label, a service account a DNS subdomain (Kubernetes: names).
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const subdomain = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** Parses a SPIFFE URI of this mesh's shape; undefined for anything else. */
export function parseSpiffeId(uri: string): SpiffeId | undefined {
  const match = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(uri)
  return match ? spiffeId(match[1]!, match[2]!, match[3]!) : undefined
}

/** The identity of a service account; undefined when a part is not a valid name. */
export function spiffeId(domain: string, namespace: string, serviceAccount: string): SpiffeId | undefined {
  if (!trustDomain.test(domain) || !isDnsLabel(namespace) || !isDnsSubdomain(serviceAccount)) return undefined
  return Object.freeze({ trustDomain: domain, namespace, serviceAccount }) as SpiffeId
}

export function formatSpiffeId(id: SpiffeId): string {
  return `spiffe://${principalOf(id)}`
}

export function principalOf(id: SpiffeId): Principal {
  return `${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`
}

export function sameIdentity(a: SpiffeId, b: SpiffeId): boolean {
  return (
    a.serviceAccount === b.serviceAccount && a.namespace === b.namespace && a.trustDomain === b.trustDomain
  )
}

/** What Kubernetes demands of a namespace's name: at most 63 characters. */
export function isDnsLabel(text: string): boolean {
  return label.test(text)
}

/** What Kubernetes demands of most other names: labels joined by dots, at most 253 characters. */
export function isDnsSubdomain(text: string): boolean {
  return subdomain.test(text)
}
