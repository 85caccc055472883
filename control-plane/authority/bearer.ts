import { type Metadata, status } from '@grpc/grpc-js'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { type Caller, TokenRefused, type TokenVerifier } from './tokens.ts'

/** The part of a gRPC server call that says who calls. */
export interface IncomingCall {
  readonly metadata: Metadata
  getPeer(): string
}

export type Authentication =
  | { readonly kind: 'authenticated'; readonly caller: Caller }
  | {
      readonly kind: 'refused'
      /** For a metric's label and the log: `missing_token`, a TokenRefusal, or `unavailable`. */
      readonly reason: string
      /** For the log, never for the caller. */
      readonly detail: string
      readonly code: status.UNAUTHENTICATED | status.UNAVAILABLE | status.RESOURCE_EXHAUSTED
      /** What the caller may be told. */
      readonly message: string
      /** The log has it already: whoever floods the door does not flood the log. */
      readonly told?: boolean
    }

/** Finds who calls. Never rejects. */
export type Authenticate = (call: IncomingCall) => Promise<Authentication>

/** Finds who calls, from the bearer token in `authorization` and the connection's address. Never rejects. */
export async function authenticate(call: IncomingCall, verifier: TokenVerifier): Promise<Authentication> {
  const token = bearerToken(call.metadata)
  if (token === undefined) {
    const message = 'send one metadata entry "authorization: Bearer <token>"'
    const detail = 'the call carries no bearer token'
    return { kind: 'refused', reason: 'missing_token', detail, code: status.UNAUTHENTICATED, message }
  }
  try {
    return { kind: 'authenticated', caller: await verifier.verify(token, peerAddress(call)) }
  } catch (error) {
    return refused(error)
  }
}

/** The address that a call came from; undefined when the connection is gone. */
export function peerAddress(call: Pick<IncomingCall, 'getPeer'>): IpAddress | undefined {
  // The port follows the last colon, and IPv6 addresses stand without brackets.
  const host = call.getPeer().replace(/:\d+$/, '')
  return parseIp(host.replace(/^\[|\]$/g, ''))
}

function bearerToken(metadata: Metadata): string | undefined {
  const values = metadata.get('authorization')
  const [value] = values
  if (values.length !== 1 || typeof value !== 'string') return undefined
  return /^Bearer +([\x21-\x7e]+)$/i.exec(value)?.[1]
}

function refused(error: unknown): Authentication {
  if (error instanceof TokenRefused) {
    const message = 'the token was not accepted; the log of the control plane says why'
    return {
      kind: 'refused',
      reason: error.reason,
      detail: error.message,
      code: status.UNAUTHENTICATED,
      message,
    }
  }
  const detail = error instanceof Error ? error.message : String(error)
  const message = 'the token could not be judged now; try again'
  return { kind: 'refused', reason: 'unavailable', detail, code: status.UNAVAILABLE, message }
}
