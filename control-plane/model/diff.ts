import type { Model, ResourceSet } from './model.ts'
import { publishedTypes, type TypeUrl } from './type-urls.ts'

/** Names of one type that differ between two models. */
export interface Difference {
  /** New, or with new content. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** What a client that holds `previous` must be told to hold `next`; types without a difference are absent. */
export function diff(previous: Model, next: Model): ReadonlyMap<TypeUrl, Difference> {
  const differences = new Map<TypeUrl, Difference>()
  if (previous.version === next.version) return differences
  for (const type of publishedTypes) {
    const difference = compare(previous.types.get(type), next.types.get(type))
    if (difference.changed.length + difference.removed.length > 0) differences.set(type, difference)
  }
  return differences
}

function compare(previous: ResourceSet | undefined, next: ResourceSet | undefined): Difference {
  const changed: string[] = []
  const removed: string[] = []
  for (const { name, version } of next?.byName.values() ?? []) {
    if (previous?.byName.get(name)?.version !== version) changed.push(name)
  }
  for (const name of previous?.byName.keys() ?? []) if (!next?.byName.has(name)) removed.push(name)
  return { changed, removed }
}
