/** Questions kept at most; the destinations that a pod talks to are few. */
const limit = 5_000

/** The addresses that this sidecar asked about by name. They are asked again on every new stream. */
export class Questions {
  readonly #asked = new Map<string, { readonly answer: Promise<void>; readonly resolve: () => void }>()

  /** Remembers a question; undefined beyond the limit, where nothing new is asked. */
  ask(name: string): { readonly isNew: boolean; readonly answer: Promise<void> } | undefined {
    const known = this.#asked.get(name)
    if (known) return { isNew: false, answer: known.answer }
    if (this.#asked.size >= limit) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#asked.set(name, { answer: promise, resolve })
    return { isNew: true, answer: promise }
  }

  get size(): number {
    return this.#asked.size
  }

  /** Settles the questions that these names or aliases answer. */
  answered(names: readonly string[]): void {
    for (const name of names) this.#asked.get(name)?.resolve()
  }

  names(): readonly string[] {
    return [...this.#asked.keys()]
  }
}
