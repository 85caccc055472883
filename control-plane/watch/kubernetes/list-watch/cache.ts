import { type Kept, objectKey } from './kind.ts'

/** The newest known objects of one kind. One writer, its list-and-watch; everybody else reads. */
export class Cache<T extends Kept> {
  readonly #objects = new Map<string, T>()
  readonly #listeners = new Set<() => void>()
  #listed = false

  /** Whether all objects were known once; what is known since may be old while the API server is away. */
  get listed(): boolean {
    return this.#listed
  }

  get size(): number {
    return this.#objects.size
  }

  /** By `namespace/name`, or by name alone for what belongs to no namespace. */
  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  /** Calls the listener after each change, and once all objects are known. Answers what ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes one object; undefined when the new one cannot be used, and then the old one is not true any more either. */
  set(key: string, object: T | undefined): void {
    if (object) this.#objects.set(key, object)
    else if (!this.#objects.delete(key)) return
    this.#changed()
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#changed()
  }

  /** Takes a whole list; objects that are what they were stay the same objects. */
  replace(objects: readonly T[]): void {
    const before = new Map(this.#objects)
    const first = !this.#listed
    this.#objects.clear()
    let same = before.size === objects.length
    for (const object of objects) {
      const key = objectKey(object)
      const known = before.get(key)
      const unchanged = known?.uid === object.uid && known.resourceVersion === object.resourceVersion
      this.#objects.set(key, unchanged ? known : object)
      if (!unchanged) same = false
    }
    this.#listed = true
    if (first || !same) this.#changed()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
