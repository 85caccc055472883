import type { ApiClient, ApiRequest } from '../client.ts'
import { ApiError, ApiUnreachable } from '../errors.ts'

interface Patch {
  readonly metadata?: { readonly managedFields?: readonly unknown[] }
  readonly data?: Readonly<Record<string, string | null>>
}

/** An API server that has ConfigMaps only, in one namespace. */
export class ConfigMaps {
  readonly stored = new Map<string, Map<string, string>>()
  /** Method and name of what was asked, with the kind of patch. */
  readonly asked: string[] = []
  /** While it is, no request is answered. */
  away = false
  #gate: Promise<void> = Promise.resolve()

  readonly client = { request: (request: ApiRequest) => this.#answer(request) } as ApiClient

  /** Makes requests wait, until the answer is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    return resolve
  }

  data(name: string): Readonly<Record<string, string>> {
    return Object.fromEntries(this.stored.get(name) ?? [])
  }

  async #answer({ method = 'GET', path, contentType = '', body }: ApiRequest): Promise<unknown> {
    const name = path.replace('/api/v1/namespaces/weft-system/configmaps/', '')
    const patch = contentType.replace(/application\/(.*)-patch\+.*/, ' $1')
    this.asked.push(`${method}${patch} ${name}`)
    await this.#gate
    if (this.away) throw new ApiUnreachable(`${method} ${path} failed`)
    const known = this.stored.get(name)
    if (patch === ' apply') {
      if (!known) this.stored.set(name, new Map())
      return {}
    }
    if (!known) throw new ApiError(`${name} not found`, 404, 'NotFound')
    if (patch === ' merge') merge(known, body as Patch)
    return { data: Object.fromEntries(known) }
  }
}

function merge(known: Map<string, string>, { data = {} }: Patch): void {
  for (const [key, value] of Object.entries(data)) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key))
      throw new ApiError(`data[${key}]: Invalid value`, 422, 'Invalid')
    if (value === null) known.delete(key)
    else known.set(key, value)
  }
}
