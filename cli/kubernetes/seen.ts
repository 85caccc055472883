/** What the API server let one see. */
export type Seen<T> =
  | { readonly kind: 'seen'; readonly value: T }
  /** There is no such object, or no such kind of objects. */
  | { readonly kind: 'absent' }
  /** Not to be seen from here, and why. */
  | { readonly kind: 'hidden'; readonly why: string }

export function seen<T>(value: T): Seen<T> {
  return { kind: 'seen', value }
}

/** What is seen, made into something else. */
export function mapSeen<T, U>(it: Seen<T>, change: (value: T) => U): Seen<U> {
  return it.kind === 'seen' ? seen(change(it.value)) : it
}

/** What is seen; else the fallback. */
export function seenOr<T>(it: Seen<T>, fallback: T): T {
  return it.kind === 'seen' ? it.value : fallback
}
