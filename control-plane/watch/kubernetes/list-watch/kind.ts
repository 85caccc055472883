/** A kind of object that is listed and watched. */
export interface Kind<T> {
  /** In messages and metrics, e.g. `pods`. */
  readonly name: string
  /** The collection's path, e.g. `/api/v1/pods`. */
  readonly path: string
  /** Narrows it to one object of that name in every namespace, which is also what least privilege allows for. */
  readonly only?: string
  /** A collection that the API server may lack, such as one of a definition that is not installed. */
  readonly optional?: boolean
  /** The few fields that are used, so that large objects are not kept; undefined for an object that cannot be used. */
  readonly trim: (object: RawObject) => T | undefined
}

/** An object as the API server writes it. */
export interface RawObject {
  readonly metadata: RawMetadata
  readonly [field: string]: unknown
}

export interface RawMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly [field: string]: unknown
}

/** What every kept object is known by. */
export interface Kept {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

/** The names of an object; `namespace` is empty for one that belongs to none. */
export function kept({ metadata }: RawObject): Kept {
  const { namespace = '', name, uid, resourceVersion } = metadata
  return { namespace, name, uid, resourceVersion }
}

export function objectKey({ namespace, name }: Pick<Kept, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`
}
