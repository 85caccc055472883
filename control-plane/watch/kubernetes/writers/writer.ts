import { Backoff } from '#runtime/backoff.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { changesOf, type Source } from '../changes.ts'

/** One thing that is not as it should be, and what makes it so. */
export interface Correction {
  /** For the log, e.g. `ConfigMap shop/weft-trust-bundle`. */
  readonly what: string
  readonly make: () => Promise<void>
}

export interface WriterOptions {
  /** What there is to do, by what is known now. Corrections that were made and are not seen yet may be named again. */
  readonly corrections: () => readonly Correction[]
  /** What decides it. */
  readonly sources: readonly Source[]
  /** Whether this replica writes. */
  readonly leading: Source & { readonly current: boolean }
  readonly log: Log
  readonly signal: AbortSignal
  /** Milliseconds without another change before a burst is acted on; 200 by default. */
  readonly settle?: number
  /** Milliseconds between two times at least; none by default. */
  readonly pause?: number
}

/** Waits after failures, in milliseconds. */
const waits = { minimum: 1_000, maximum: 60_000 }
const atOnce = 8

/** Brings a cluster to what is wanted, whenever that or the cluster changes, while this replica leads. Never rejects. */
export async function keepCorrect(options: WriterOptions): Promise<void> {
  const { corrections, sources, leading, log, signal, settle = 200, pause = 0 } = options
  const backoff = new Backoff(waits)
  const again = new Alarm()
  for await (const _ of changesOf([...sources, leading, again], { signal, settle })) {
    if (!leading.current) continue
    const todo = [...corrections()]
    let failed = false
    const worker = async (): Promise<void> => {
      for (let next = todo.shift(); next && leading.current && !signal.aborted; next = todo.shift()) {
        const { what, make } = next
        await make().then(
          () => log.debug('written', { what }),
          (error: unknown) => {
            failed = true
            if (!signal.aborted) log.warn('could not be written; it is tried again', { what, error })
          },
        )
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    if (failed) again.in(backoff.next())
    else backoff.reset()
    await sleep(pause, signal)
  }
  again.stop()
}

/** A source of changes that rings when it is told to. */
class Alarm implements Source {
  readonly listed = true
  #listener: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  subscribe(listener: () => void): () => void {
    this.#listener = listener
    return () => this.stop()
  }

  in(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#listener?.(), milliseconds).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
