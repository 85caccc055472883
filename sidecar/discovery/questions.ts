/** Questions kept at most; the destinations that a pod talks to are few. */
const limit = 5_000

/** An address that was asked about by name. */
class Question {
  #answered = false
  /** Whoever waits now. A promise would keep something of everybody who ever waited, for as long as it is unanswered. */
  readonly #waiters = new Set<() => void>()

  /** Waits for the answer, so many milliseconds at most and until the signal aborts. */
  async answer(patience: number, signal: AbortSignal): Promise<void> {
    if (this.#answered || signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const goOn = (): void => resolve()
    const timer = setTimeout(goOn, patience)
    this.#waiters.add(goOn)
    signal.addEventListener('abort', goOn)
    await promise
    clearTimeout(timer)
    this.#waiters.delete(goOn)
    signal.removeEventListener('abort', goOn)
  }

  settle(): void {
    this.#answered = true
    for (const goOn of this.#waiters) goOn()
  }
}

/** The addresses that this sidecar asked about by name. They are asked again on every new stream. */
export class Questions {
  readonly #asked = new Map<string, Question>()

  /** Remembers a question; undefined beyond the limit, where nothing new is asked. */
  ask(name: string): { readonly isNew: boolean; readonly question: Question } | undefined {
    const known = this.#asked.get(name)
    if (known) return { isNew: false, question: known }
    if (this.#asked.size >= limit) return undefined
    const question = new Question()
    this.#asked.set(name, question)
    return { isNew: true, question }
  }

  get size(): number {
    return this.#asked.size
  }

  /** Settles the questions that these names or aliases answer. */
  answered(names: readonly string[]): void {
    for (const name of names) this.#asked.get(name)?.settle()
  }

  names(): readonly string[] {
    return [...this.#asked.keys()]
  }
}
