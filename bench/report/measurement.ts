import type { PeerName } from '../harness/peer.ts'
import type { Sample, ScenarioName } from '../scenarios/scenario.ts'

/** One turn of one peer in one round, as it is kept in `raw/`. */
export interface Measurement {
  readonly scenario: ScenarioName
  readonly peer: PeerName
  /** From 1. */
  readonly round: number
  /** When it began, ISO 8601. */
  readonly at: string
  readonly outcome:
    | ({ readonly kind: 'valid' } & Sample)
    /** Not counted; the turn was tried again. */
    | { readonly kind: 'invalid'; readonly problem: string }
}

export type Valid = Measurement & { readonly outcome: { readonly kind: 'valid' } }

export function isValid(measurement: Measurement): measurement is Valid {
  return measurement.outcome.kind === 'valid'
}
