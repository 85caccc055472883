import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface ConfigMap extends Kept {
  readonly data: Readonly<Record<string, string>>
}

/** ConfigMaps of one name, of one namespace or of all. */
export function configMaps(name: string, namespace?: string): Kind<ConfigMap> {
  return {
    name: `configmaps ${name}`,
    path: namespace === undefined ? '/api/v1/configmaps' : `/api/v1/namespaces/${namespace}/configmaps`,
    only: name,
    trim(object) {
      const { data } = object as RawObject & { readonly data?: Readonly<Record<string, string>> }
      return { ...kept(object), data: data ?? {} }
    },
  }
}
