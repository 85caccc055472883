import type { Match } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'
import { type Bucket, bucketOf, dropEmpty, onBuckets, type Table } from './table.ts'

/** A field whose values are met literally or not at all. */
export function valueTable<Key extends string | number>(
  demanded: (match: Match) => readonly Key[],
  had: (facts: ConnectionFacts) => Key | undefined,
): Table {
  const buckets = new Map<Key, Bucket>()
  return {
    ...onBuckets((match) => demanded(match).map((value) => bucketOf(buckets, value))),
    settle: () => dropEmpty(buckets),
    collect(facts, into) {
      if (buckets.size === 0) return
      const value = had(facts)
      const bucket = value === undefined ? undefined : buckets.get(value)
      if (bucket) into.push(bucket.places)
    },
  }
}
