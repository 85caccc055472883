import type { IpAddress } from '#mesh/address.ts'

/** What came of a probe. */
export type CallOutcome =
  /** The application's own HTTP status, 200 or more. */
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'good' }
  /** Refused, broken off, or not serving. */
  | { readonly kind: 'bad' }
  /** Not there in time. */
  | { readonly kind: 'late' }

export interface CallOptions {
  readonly ip: IpAddress
  /** Aborts when the probe's own time is over, or the kubelet no longer waits. */
  readonly signal: AbortSignal
}

export interface TalkingOptions extends CallOptions {
  /** The kubelet's own, passed on where the probe names none. */
  readonly userAgent: string | undefined
}

/** The outcome of a call that ended without an answer. */
export function failed({ aborted }: AbortSignal): CallOutcome {
  return aborted ? { kind: 'late' } : { kind: 'bad' }
}
