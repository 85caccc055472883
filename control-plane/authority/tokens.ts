import type { IpAddress } from '#mesh/address.ts'

/** Who a bearer token speaks for: a pod that exists, and the service account that it runs as. */
export interface Caller {
  readonly namespace: string
  readonly podName: string
  readonly podUid: string
  readonly serviceAccount: string
}

/** Judges bearer tokens: by the file registry's own key, or by Kubernetes' TokenReview. */
export interface TokenVerifier {
  /**
   * Resolves to the caller that the token proves. `peerAddress` is the connection's, undefined when unknown.
   * Rejects with TokenRefused when the token is not accepted, and with any other error when it cannot be judged now.
   */
  verify(token: string, peerAddress: IpAddress | undefined): Promise<Caller>
}

export type TokenRefusal =
  | 'malformed'
  | 'signature'
  | 'expired'
  | 'foreign_audience'
  | 'foreign_issuer'
  /** Kubernetes does not accept it, and says no more than that. */
  | 'not_authenticated'
  | 'pod_gone'
  | 'pod_replaced'
  | 'other_service_account'
  | 'other_address'
  /** An operator has taken the pod's certificates back. */
  | 'pod_revoked'

/** A token that was judged and not accepted. The message is for the log, never for the caller. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  readonly reason: TokenRefusal

  constructor(reason: TokenRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
