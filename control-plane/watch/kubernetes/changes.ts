import { sleep } from '#runtime/lifetime.ts'

/** Something that changes, and that may not be known yet. */
export interface Source {
  readonly listed: boolean
  /** Calls the listener after each change. Answers what ends the subscription. */
  subscribe(listener: () => void): () => void
}

export interface ChangesOptions {
  readonly signal: AbortSignal
  /** Milliseconds without another change after which a burst counts as over. */
  readonly settle: number
}

/** A burst that does not end is cut into pieces of so many times the settling time. */
const patience = 10

/**
 * Yields once all sources are known, then after each burst of changes. What came while the reader was busy is one
 * burst, and a reader that takes long is asked less often: it is given half of the time at most.
 */
export async function* changesOf(
  sources: readonly Source[],
  { signal, settle }: ChangesOptions,
): AsyncGenerator<void> {
  const bell = new Bell()
  const unsubscribe = sources.map((source) => source.subscribe(() => bell.ring()))
  // Each race with a promise that stays would leave something behind in it.
  const stop = () => bell.ring()
  signal.addEventListener('abort', stop)
  try {
    while (!signal.aborted) {
      bell.silence()
      if (sources.every(({ listed }) => listed)) {
        const began = performance.now()
        yield
        await sleep(performance.now() - began, signal)
      }
      await bell.rung
      await quiet(bell, settle, signal)
    }
  } finally {
    signal.removeEventListener('abort', stop)
    for (const end of unsubscribe) end()
  }
}

async function quiet(bell: Bell, settle: number, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < patience && !signal.aborted; i++) {
    const { count } = bell
    await sleep(settle, signal)
    if (bell.count === count) return
  }
}

/** Remembers that it rang until somebody silences it. */
class Bell {
  #rung = Promise.withResolvers<void>()
  #count = 0

  get rung(): Promise<void> {
    return this.#rung.promise
  }

  /** How often it rang. */
  get count(): number {
    return this.#count
  }

  ring(): void {
    this.#count++
    this.#rung.resolve()
  }

  silence(): void {
    this.#rung = Promise.withResolvers()
  }
}
