import type { PeerName } from '../harness/peer.ts'
import type { ScenarioName } from '../scenarios/scenario.ts'
import type { Metric, ResultRecord } from './records.ts'

/** How weft stands against one peer in one figure. */
export interface Verdict {
  readonly scenario: ScenarioName
  readonly metric: Metric
  readonly rival: PeerName
  readonly weft: ResultRecord
  readonly other: ResultRecord
  /** `even` where the middle halves of the two overlap, so that another run may well turn it round. */
  readonly outcome: 'wins' | 'loses' | 'even'
  /** How many times as good the better one is; undefined where a value at or below zero gives no ratio. */
  readonly factor: number | undefined
}

/** Compares weft with every other peer that stands between the applications. */
export function verdicts(records: readonly ResultRecord[]): Verdict[] {
  return records
    .filter(({ peer }) => peer === 'weft')
    .flatMap((weft) => {
      return records
        .filter(({ scenario, metric, peer }) => {
          return scenario === weft.scenario && metric === weft.metric && peer !== 'weft' && peer !== 'direct'
        })
        .map((other) => judge(weft, other))
    })
}

export function isBetterHigh(metric: Metric): boolean {
  return metric === 'perSecond' || metric === 'bytesPerSecond'
}

/** One or two rounds hardly know their own spread: there only this much counts as a difference. */
const clearFactor = 1.3

function judge(weft: ResultRecord, other: ResultRecord): Verdict {
  const { scenario, metric } = weft
  const overlap = weft.p25 <= other.p75 && other.p25 <= weft.p75
  const ahead = isBetterHigh(metric) === weft.median > other.median
  const [less, more] = [Math.min(weft.median, other.median), Math.max(weft.median, other.median)]
  const factor = less > 0 ? more / less : undefined
  const rounds = Math.min(weft.rounds, other.rounds)
  const isUnclear = overlap || (rounds < 3 && (factor ?? 1) < clearFactor)
  return {
    scenario,
    metric,
    rival: other.peer,
    weft,
    other,
    outcome: isUnclear ? 'even' : ahead ? 'wins' : 'loses',
    factor,
  }
}
