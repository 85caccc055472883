import type { Kind } from '../list-watch/kind.ts'
import { type Namespace, namespaces } from '../objects/namespace.ts'

/** A namespace with what decides whether the injector is asked about its pods. */
export interface NamespaceOnce extends Namespace {
  readonly labels: Readonly<Record<string, string>>
}

export const namespacesOnce: Kind<NamespaceOnce> = {
  ...namespaces,
  trim(object) {
    const namespace = namespaces.trim(object)
    const { labels = {} } = object.metadata as { readonly labels?: NamespaceOnce['labels'] }
    return namespace && { ...namespace, labels }
  },
}
