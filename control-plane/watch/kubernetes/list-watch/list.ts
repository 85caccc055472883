import type { ApiClient } from '../api/client.ts'
import { type Kept, type Kind, objectKey, type RawObject } from './kind.ts'

export interface Listed<T> {
  readonly objects: readonly T[]
  /** What a watch goes on from. */
  readonly resourceVersion: string
}

/** Objects a page: the API server and this process hold one page at a time, not the cluster. */
const pageSize = 500

/** Whoever can ask an API server for a page. */
export type Pages = Pick<ApiClient, 'request'>

/** Lists a kind whole, page by page, trimmed as it comes. Rejects like `ApiClient.request`. */
export async function list<T extends Kept>(
  client: Pages,
  kind: Kind<T>,
  signal: AbortSignal,
): Promise<Listed<T>> {
  const objects = new Map<string, T>()
  let next: string | undefined
  for (;;) {
    const page = (await client.request({
      path: kind.path,
      query: { ...selecting(kind), limit: String(pageSize), continue: next },
      signal,
    })) as Page
    for (const object of page.items ?? []) {
      const trimmed = kind.trim(object)
      if (trimmed) objects.set(objectKey(trimmed), trimmed)
    }
    const { resourceVersion, continue: more } = page.metadata
    if (!more) return { objects: [...objects.values()], resourceVersion }
    next = more
  }
}

export function selecting({ only }: Pick<Kind<Kept>, 'only'>): Record<string, string> {
  return only === undefined ? {} : { fieldSelector: `metadata.name=${only}` }
}

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly RawObject[] | null
}
