import { nameOf } from './names.ts'
import type { Outcome } from './outcome.ts'
import { type Judged, outcomesOf } from './outcomes.ts'
import { type Source, sourceOf } from './source.ts'
import { verdictOf } from './verdict.ts'

/** More than so many pods of one Deployment are not compared: their number says nothing new. */
const compared = 100

/** Says which of the other workloads that were named get another answer. */
export function differing(source: Source, outcomes: readonly Outcome[], judged: Judged): string[] {
  const answer = essenceOf(outcomes)
  const others = source.others.slice(0, compared).flatMap((workload) => {
    const other = outcomesOf(sourceOf(nameOf(workload), workload.addresses, workload), judged)
    return essenceOf(other) === answer ? [] : [`${nameOf(workload)} (${verdictOf(other)})`]
  })
  const some = others.slice(0, 4).join(', ')
  const more = others.length > 4 ? ` and ${others.length - 4} more` : ''
  return others.length === 0 ? [] : [`another answer holds for ${some}${more}: ask for it by name`]
}

/** What two answers must have in common to be the same: not the endpoints that each prefers. */
function essenceOf(outcomes: readonly Outcome[]): string {
  const kinds = outcomes.map(({ allowed, transport, by }) => JSON.stringify([allowed, transport, by]))
  return [...new Set(kinds)].sort().join()
}
