import { ApiError, apiError, isAbsent, isExpired } from '../api/errors.ts'
import type { Kept, Kind } from '../list-watch/kind.ts'
import { list, type Pages } from '../list-watch/list.ts'

/** A GET of a path from the server's root, with its query, and the answer whatever its status is. */
export type Ask = (path: string) => Promise<{ readonly status: number; readonly body: unknown }>

export interface ReadKindOptions {
  readonly ask: Ask
  /** Told of each object as it comes. */
  readonly seen: () => void
}

/** What became of asking for every object of a kind. */
export type ReadKind<T> =
  | { readonly kind: 'read'; readonly objects: readonly T[] }
  /** The API server knows no such kind. */
  | { readonly kind: 'absent' }
  /** Whoever asks may not list it; `what` names it as roles do, e.g. `endpointslices.discovery.k8s.io`. */
  | { readonly kind: 'forbidden'; readonly what: string }

/** Lists a kind once, page by page, trimmed as it comes. Rejects with ApiError for what is no answer. */
export async function readKind<T extends Kept>(
  kind: Kind<T>,
  { ask, seen }: ReadKindOptions,
): Promise<ReadKind<T>> {
  const counting: Kind<T> = {
    ...kind,
    trim(object) {
      seen()
      return kind.trim(object)
    },
  }
  try {
    return { kind: 'read', objects: await listTwice(counting, pagesOf(ask)) }
  } catch (error) {
    if (kind.optional === true && isAbsent(error)) return { kind: 'absent' }
    if (isForbidden(error)) return { kind: 'forbidden', what: resourceOf(kind) }
    throw error
  }
}

/** A list that takes so long that its next page is forgotten is begun again, once. */
async function listTwice<T extends Kept>(kind: Kind<T>, pages: Pages): Promise<readonly T[]> {
  const signal = new AbortController().signal
  try {
    return (await list(pages, kind, signal)).objects
  } catch (error) {
    if (!isExpired(error)) throw error
    return (await list(pages, kind, signal)).objects
  }
}

function pagesOf(ask: Ask): Pages {
  return {
    async request({ path, query = {} }) {
      const parameters = Object.entries(query).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as [string, string]],
      )
      const search = new URLSearchParams(parameters).toString()
      const { status, body } = await ask(`${path}?${search}`)
      if (status < 300) return body
      throw apiError(`GET ${path}`, status, typeof body === 'string' ? body : JSON.stringify(body))
    },
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403
}

/** `/apis/GROUP/VERSION/RESOURCE` or `/api/v1/RESOURCE`, perhaps of one namespace. */
function resourceOf({ path, only }: Kind<Kept>): string {
  const [, api, ...parts] = path.split('/')
  const resource = parts.at(-1)
  const group = api === 'apis' ? `.${parts[0]}` : ''
  const namespace = parts.at(-3) === 'namespaces' ? ` of namespace ${parts.at(-2)}` : ''
  return `${resource}${group}${only === undefined ? '' : ` ${only}`}${namespace}`
}
