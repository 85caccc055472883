/** The ConfigMap, in the control plane's namespace, by which an operator asks for something. */
export const identityConfigMap = 'weft-identity'
/** The same on one machine: a JSON object of strings in the control plane's state directory. */
export const identityRequestsFile = 'identity-requests.json'
/** Where the control plane says what it did: flat strings too, each writer its own keys. */
export const identityStatusConfigMap = 'weft-identity-status'
export const identityStatusFile = 'identity-status.json'

/** A pod whose certificates are taken back, and which gets no more. */
export interface Revocation {
  readonly podUid: string
  readonly namespace: string
  readonly pod: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly reason?: string
}

/** What operators ask of the control plane about identities. */
export interface IdentityRequests {
  /** Names the newest request to rotate the root: the RFC 3339 time at which it was made. */
  readonly rotation: string | undefined
  /** By pod UID. */
  readonly revocations: ReadonlyMap<string, Revocation>
}

export const noIdentityRequests: IdentityRequests = { rotation: undefined, revocations: new Map() }

export interface ParsedIdentityRequests {
  readonly requests: IdentityRequests
  /** What could not be read, by its key. The rest applies. */
  readonly problems: readonly string[]
}

/**
 * Reads the entries of the ConfigMap or the file. Fails closed: a revocation that names a pod UID revokes, whatever else
 * of it cannot be read.
 */
export function parseIdentityRequests(data: Readonly<Record<string, string>>): ParsedIdentityRequests {
  const problems: string[] = []
  const revocations = new Map<string, Revocation>()
  let rotation: string | undefined
  for (const [key, value] of Object.entries(data)) {
    if (key === rotationKey) {
      if (parseTime(value) === undefined) {
        problems.push(`${key}: "${value}" is no time: write one as 2026-11-28T12:00:00Z`)
      } else rotation = value
    } else if (key.startsWith(revocationPrefix)) {
      const podUid = key.slice(revocationPrefix.length)
      if (!isPodUid(podUid)) {
        problems.push(`${key}: there is no pod UID behind ${revocationPrefix}`)
        continue
      }
      const read = readRevocation(podUid, value)
      revocations.set(podUid, read.revocation)
      if (read.problem !== undefined)
        problems.push(`${key}: ${read.problem}; the pod is revoked all the same`)
    } else problems.push(`${key}: is no request: write ${rotationKey} or ${revocationPrefix}<pod UID>`)
  }
  return { requests: { rotation, revocations }, problems }
}

export type IdentityEntry = readonly [key: string, value: string]

/** The entry that asks for a rotation; `at` in milliseconds since 1970. */
export function rotationEntry(at: number): IdentityEntry {
  return [rotationKey, new Date(at).toISOString()]
}

/** The entry that revokes a pod. */
export function revocationEntry({ podUid, namespace, pod, at, reason }: Revocation): IdentityEntry {
  const value = { namespace, pod, at: new Date(at).toISOString(), ...(reason !== undefined && { reason }) }
  return [revocationKey(podUid), JSON.stringify(value)]
}

export function revocationKey(podUid: string): string {
  return `${revocationPrefix}${podUid}`
}

/** Where a replica of the control plane says how a revocation stands at it, or the only one of a machine. */
export interface RevocationStatusKey {
  readonly podUid: string
  /** Undefined on one machine. */
  readonly replica: string | undefined
}

/** The status entry that `formatRevocationStatus` writes the value of. */
export function revocationStatusKey(podUid: string, replica?: string): string {
  return `${revocationStatusPrefix}${podUid}${replica === undefined ? '' : `.${replica}`}`
}

/** Undefined for a key by which the status says something else. */
export function parseRevocationStatusKey(key: string): RevocationStatusKey | undefined {
  if (!key.startsWith(revocationStatusPrefix)) return undefined
  // A UID has no dot, a replica's name may.
  const [podUid = '', ...replica] = key.slice(revocationStatusPrefix.length).split('.')
  return { podUid, replica: replica.length === 0 ? undefined : replica.join('.') }
}

/** What a control plane says of a revocation that is in force at it. */
export interface RevocationStatus {
  /** The time of the request that it obeys, in milliseconds since 1970. */
  readonly at: number
  /** Certificates that are revoked by it, those included that expired a moment ago. */
  readonly serials: number
}

export function formatRevocationStatus({ at, serials }: RevocationStatus): string {
  return JSON.stringify({ at: new Date(at).toISOString(), serials })
}

/** Undefined for what the control plane never says. */
export function parseRevocationStatus(text: string): RevocationStatus | undefined {
  const { at, serials } = parseObject(text) ?? {}
  const time = parseTime(at)
  return time !== undefined && typeof serials === 'number' ? { at: time, serials } : undefined
}

/** What may be the end of a ConfigMap's key, as Kubernetes' UUIDs are. */
export function isPodUid(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9-]{0,127}$/.test(text)
}

export const rotationKey = 'rotate'
const revocationPrefix = 'revoke.'
const revocationStatusPrefix = 'revoked.'

/** RFC 3339, with a zone. */
const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

function parseTime(text: unknown): number | undefined {
  const at = typeof text === 'string' && timePattern.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

function readRevocation(podUid: string, text: string): { revocation: Revocation; problem?: string } {
  const fields = parseObject(text)
  const { namespace, pod, at, reason } = fields ?? {}
  const time = parseTime(at)
  const revocation: Revocation = {
    podUid,
    namespace: typeof namespace === 'string' ? namespace : '',
    pod: typeof pod === 'string' ? pod : '',
    at: time ?? 0,
    ...(typeof reason === 'string' && { reason }),
  }
  if (!fields) return { revocation, problem: 'the value is no JSON object' }
  if (revocation.namespace === '' || revocation.pod === '') {
    return { revocation, problem: 'namespace and pod must be names' }
  }
  return time === undefined ? { revocation, problem: `at is no time: ${JSON.stringify(at)}` } : { revocation }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
