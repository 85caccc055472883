import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface Secret extends Kept {
  /** Decoded. */
  readonly data: Readonly<Record<string, string>>
  /** In base64, for what is no text. */
  readonly encoded: Readonly<Record<string, string>>
}

/** One Secret, the only one that is asked for. */
export function secret(name: string, namespace: string): Kind<Secret> {
  return {
    name: `secret ${name}`,
    path: `/api/v1/namespaces/${namespace}/secrets`,
    only: name,
    trim(object) {
      const { data } = object as RawObject & { readonly data?: Readonly<Record<string, string>> }
      const encoded = data ?? {}
      const decoded = Object.entries(encoded).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ])
      return { ...kept(object), data: Object.fromEntries(decoded) as Record<string, string>, encoded }
    },
  }
}
