import type { Namespace } from '../decide/namespace.ts'
import type { Namespaces } from '../review/review.ts'

export interface CachedNamespacesOptions {
  readonly read: (name: string) => Promise<Namespace>
  /** Milliseconds that an answer is used again. */
  readonly lifetime: number
  /** Milliseconds since any moment. */
  readonly now?: () => number
}

/**
 * Namespaces that were read a moment ago are not read again for each pod of a rollout. One that is not to be injected
 * always is: the label may be new, and a pod that is left out by an old answer would run outside the mesh.
 */
export function cachedNamespaces(options: CachedNamespacesOptions): Namespaces {
  const { read, lifetime, now = () => performance.now() } = options
  const known = new Map<string, { readonly namespace: Namespace; readonly until: number }>()
  const asked = new Map<string, Promise<Namespace>>()
  const ask = async (name: string): Promise<Namespace> => {
    try {
      const namespace = await read(name)
      if (namespace.injection) known.set(name, { namespace, until: now() + lifetime })
      else known.delete(name)
      return namespace
    } finally {
      asked.delete(name)
    }
  }
  return {
    async find(name) {
      const entry = known.get(name)
      if (entry && entry.until > now()) return entry.namespace
      known.delete(name)
      const running = asked.get(name) ?? ask(name)
      asked.set(name, running)
      return await running
    },
  }
}
