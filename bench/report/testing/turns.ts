import type { PeerName } from '../../harness/peer.ts'
import type { Sample, ScenarioName } from '../../scenarios/scenario.ts'
import type { Measurement, Valid } from '../measurement.ts'

/** A valid turn with these figures. */
export function turn(
  scenario: ScenarioName,
  peer: PeerName,
  round: number,
  figures: Sample['figures'],
  percentiles?: Sample['percentiles'],
): Valid {
  const outcome = { kind: 'valid', figures, ...(percentiles && { percentiles }) } as const
  return { scenario, peer, round, at: '2026-11-21T10:00:00.000Z', outcome }
}

/** A turn that did not count. */
export function invalidTurn(
  scenario: ScenarioName,
  peer: PeerName,
  round: number,
  problem: string,
): Measurement {
  return { scenario, peer, round, at: '2026-11-21T10:00:00.000Z', outcome: { kind: 'invalid', problem } }
}
