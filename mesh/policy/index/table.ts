import type { Match } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'

/** Rules by the values that they demand of one field. First all of them are counted, then some are filed. */
export interface Table {
  /** Counts the values that a match demands. */
  count(match: Match): void
  /** How often the commonest of a match's values was counted; undefined where it demands nothing of the field. */
  crowd(match: Match): number | undefined
  /** Files a rule under every value that the match demands. */
  file(match: Match, place: number): void
  /** Forgets what was counted and nothing was filed under, so that nobody looks it up. */
  settle(): void
  /** Adds the places of every rule whose value the connection has. */
  collect(facts: ConnectionFacts, into: Places[]): void
}

/** Where rules stand in the order in which they are asked, ascending. */
export type Places = readonly number[]

/** What is known of one value. */
export interface Bucket {
  demanded: number
  readonly places: number[]
}

export function bucketOf<Key>(buckets: Map<Key, Bucket>, key: Key): Bucket {
  const present = buckets.get(key)
  if (present) return present
  const bucket: Bucket = { demanded: 0, places: [] }
  buckets.set(key, bucket)
  return bucket
}

/** What a table does with the buckets of a match's values; `undefined` from `crowd` where there are none. */
export function onBuckets(bucketsOf: (match: Match) => readonly Bucket[]) {
  return {
    count(match: Match): void {
      for (const bucket of bucketsOf(match)) bucket.demanded++
    },
    crowd(match: Match): number | undefined {
      const buckets = bucketsOf(match)
      return buckets.length === 0 ? undefined : Math.max(...buckets.map(({ demanded }) => demanded))
    },
    file(match: Match, place: number): void {
      for (const { places } of bucketsOf(match)) places.push(place)
    },
  }
}

export function dropEmpty<Key>(buckets: Map<Key, Bucket>): void {
  for (const [key, { places }] of buckets) if (places.length === 0) buckets.delete(key)
}
