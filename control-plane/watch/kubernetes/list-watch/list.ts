import { type PageOf, pages } from '#runtime/pages.ts'
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
  let version = ''
  const read = (page: PageOf) => readPage(client, kind, page, signal)
  for await (const { trimmed, resourceVersion } of pages(read, { what: kind.name, size: pageSize })) {
    for (const object of trimmed) objects.set(objectKey(object), object)
    version = resourceVersion
  }
  return { objects: [...objects.values()], resourceVersion: version }
}

async function readPage<T extends Kept>(
  client: Pages,
  kind: Kind<T>,
  { limit, from }: PageOf,
  signal: AbortSignal,
) {
  const query = { ...selecting(kind), limit: String(limit), continue: from }
  const { items, metadata } = (await client.request({ path: kind.path, query, signal })) as RawPage
  return {
    trimmed: (items ?? []).flatMap((object) => kind.trim(object) ?? []),
    resourceVersion: metadata.resourceVersion,
    next: metadata.continue || undefined,
  }
}

export function selecting({ only }: Pick<Kind<Kept>, 'only'>): Record<string, string> {
  return only === undefined ? {} : { fieldSelector: `metadata.name=${only}` }
}

interface RawPage {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly RawObject[] | null
}
