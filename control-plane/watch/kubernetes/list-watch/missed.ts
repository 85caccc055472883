import type { Cache } from './cache.ts'
import { type Kept, objectKey } from './kind.ts'

/**
 * How many objects of a new list a watch that stands at `position` should have told of and did not: those that were
 * written no later, and are not what is known. Deletions leave no version behind and cannot be counted.
 */
export function countMissed<T extends Kept>(cache: Cache<T>, listed: readonly T[], position: string): number {
  const reached = versionNumber(position)
  if (reached === undefined) return 0
  return listed.filter((object) => {
    const version = versionNumber(object.resourceVersion)
    if (version === undefined || version > reached) return false
    return cache.get(objectKey(object))?.resourceVersion !== object.resourceVersion
  }).length
}

/** Versions are etcd's revisions; from an API server that means something else by them nothing is concluded. */
function versionNumber(version: string): bigint | undefined {
  return /^\d{1,20}$/.test(version) ? BigInt(version) : undefined
}
