import type { Match, StringMatch } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'
import { type Bucket, bucketOf, dropEmpty, onBuckets, type Table } from './table.ts'

/** A field of patterns. Prefixes and suffixes are looked up by each length that there is of them. */
export function textTable(
  demanded: (match: Match) => readonly StringMatch[],
  had: (facts: ConnectionFacts) => string | undefined,
): Table {
  const exact = new Map<string, Bucket>()
  const presence = new Map<'any', Bucket>()
  const prefixes = new Map<number, Map<string, Bucket>>()
  const suffixes = new Map<number, Map<string, Bucket>>()

  const bucketFor = (pattern: StringMatch): Bucket => {
    switch (pattern.kind) {
      case 'exact':
        return bucketOf(exact, pattern.value)
      case 'presence':
        return bucketOf(presence, 'any')
      case 'prefix':
        return bucketOf(ofLength(prefixes, pattern.value.length), pattern.value)
      case 'suffix':
        return bucketOf(ofLength(suffixes, pattern.value.length), pattern.value)
    }
  }

  return {
    ...onBuckets((match) => demanded(match).map(bucketFor)),
    settle() {
      dropEmpty(exact)
      dropEmpty(presence)
      dropEmptyLengths(prefixes)
      dropEmptyLengths(suffixes)
    },
    collect(facts, into) {
      const text = had(facts)
      if (text === undefined) return
      const add = (bucket: Bucket | undefined): void => {
        if (bucket) into.push(bucket.places)
      }
      add(presence.get('any'))
      if (exact.size > 0) add(exact.get(text))
      for (const [length, buckets] of prefixes) {
        if (length <= text.length) add(buckets.get(text.slice(0, length)))
      }
      for (const [length, buckets] of suffixes) {
        if (length <= text.length) add(buckets.get(text.slice(text.length - length)))
      }
    },
  }
}

/** Buckets by length: of a text in characters, of a range in bits. */
export function ofLength<Key>(lengths: Map<number, Map<Key, Bucket>>, length: number): Map<Key, Bucket> {
  const present = lengths.get(length)
  if (present) return present
  const buckets = new Map<Key, Bucket>()
  lengths.set(length, buckets)
  return buckets
}

export function dropEmptyLengths<Key>(lengths: Map<number, Map<Key, Bucket>>): void {
  for (const [length, buckets] of lengths) {
    dropEmpty(buckets)
    if (buckets.size === 0) lengths.delete(length)
  }
}
