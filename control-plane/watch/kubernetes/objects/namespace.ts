import { type Kept, type Kind, kept, type RawMetadata, type RawObject } from '../list-watch/kind.ts'

export interface Namespace extends Kept {
  /** Whether pods that are made in it become part of the mesh. */
  readonly injected: boolean
  readonly terminating: boolean
}

export const namespaces: Kind<Namespace> = {
  name: 'namespaces',
  path: '/api/v1/namespaces',
  trim: trimNamespace,
}

function trimNamespace(object: RawObject): Namespace {
  const { labels, deletionTimestamp } = object.metadata as RawMetadata & NamespaceMetadata
  return {
    ...kept(object),
    injected: labels?.['weft.dev/inject'] === 'enabled',
    terminating: deletionTimestamp !== undefined,
  }
}

interface NamespaceMetadata {
  readonly labels?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string
}
