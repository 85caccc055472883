/**
 * Collects what comes while a write is under way and writes it all at once after that, so that a thousand requests cost
 * a few writes and none waits for more than two.
 */
export class Batches<Item, Result> {
  readonly #write: (items: readonly Item[]) => Promise<Result>
  #next: { readonly items: Item[]; readonly written: Promise<Result> } | undefined
  #writing: Promise<unknown> = Promise.resolve()

  /** `write` is never called again before it has settled. */
  constructor(write: (items: readonly Item[]) => Promise<Result>) {
    this.#write = write
  }

  /** Resolves to what the write answered that had the item in it; rejects with its error. */
  add(item: Item): Promise<Result> {
    if (this.#next) {
      this.#next.items.push(item)
      return this.#next.written
    }
    const items = [item]
    const written = this.#writing.then(() => {
      this.#next = undefined
      return this.#write(items)
    })
    this.#next = { items, written }
    this.#writing = written.catch(() => {})
    return written
  }
}
