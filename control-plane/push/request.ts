import { DeltaDiscoveryRequest } from '#proto/envoy/service/discovery/v3/discovery.ts'

/** A client's message, parsed. */
export interface DiscoveryRequest {
  readonly type: string
  readonly wildcard: boolean
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  /** Name to version; counts in the first request of a type only. */
  readonly initialVersions: ReadonlyMap<string, string>
  readonly answer: Answer | undefined
  /** What the client says of the roots that it depends on; undefined where it says nothing. */
  readonly roots: RootsInUse | undefined
}

/** SHA-256 fingerprints of roots, 64 digits in lower case. */
export interface RootsInUse {
  /** Over the client's own certificate. */
  readonly certificate: string
  /** Over those whose tunnels with it are alive. */
  readonly tunnels: ReadonlySet<string>
}

/** The client's verdict on an earlier response. */
export interface Answer {
  readonly nonce: string
  /** Why it was refused, at least in part; undefined for an ACK. */
  readonly refusal: string | undefined
}

/** A message that cannot be understood. The text goes to the client. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
}

const wildcard = '*'
const longestName = 1024
const longestRefusal = 2048

/** Parses an encoded DeltaDiscoveryRequest; throws RequestError for anything else. */
export function parseRequest(bytes: Uint8Array): DiscoveryRequest {
  const message = decode(bytes)
  if (message.typeUrl === '')
    throw new RequestError('type_url is empty: name the type that the request is about')
  const subscribe = message.resourceNamesSubscribe
  const unsubscribe = message.resourceNamesUnsubscribe
  for (const name of [message.typeUrl, ...subscribe, ...unsubscribe]) checkName(name)
  for (const name of message.initialResourceVersions.keys()) checkName(name)
  return {
    type: message.typeUrl,
    wildcard: subscribe.includes(wildcard),
    subscribe: subscribe.filter((name) => name !== wildcard),
    unsubscribe,
    initialVersions: message.initialResourceVersions,
    answer: answerIn(message),
    roots: rootsIn(message.node?.metadata),
  }
}

function decode(bytes: Uint8Array): DeltaDiscoveryRequest {
  try {
    return DeltaDiscoveryRequest.decode(bytes)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RequestError(`the request is not a DeltaDiscoveryRequest: ${reason}`, { cause })
  }
}

function checkName(name: string): void {
  if (name !== '' && name.length <= longestName) return
  const found = name === '' ? 'empty' : `${name.length} characters long`
  throw new RequestError(`a resource name is ${found}: names have 1 to ${longestName} characters`)
}

function answerIn({ responseNonce, errorDetail }: DeltaDiscoveryRequest): Answer | undefined {
  if (responseNonce === '') return undefined
  return { nonce: responseNonce, refusal: errorDetail?.message.slice(0, longestRefusal) }
}

/** Nobody depends on more roots than there are in a rotation, with some room. */
const mostRoots = 16

/** A claim that cannot be read is none: whoever says nothing is waited for. */
function rootsIn(metadata: Readonly<Record<string, unknown>> | undefined): RootsInUse | undefined {
  const certificate = metadata?.['WEFT_CERTIFICATE_ROOT']
  const tunnels = metadata?.['WEFT_TUNNEL_ROOTS']
  if (!isFingerprint(certificate) || !Array.isArray(tunnels) || tunnels.length > mostRoots) return undefined
  return tunnels.every(isFingerprint) ? { certificate, tunnels: new Set(tunnels) } : undefined
}

function isFingerprint(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
