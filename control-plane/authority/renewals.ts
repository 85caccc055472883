import type { Log } from '#runtime/log.ts'

/** Something of the authority's own that ends one day and can be replaced before. */
export interface Renewable {
  /** For the log. */
  readonly label: string
  /** Milliseconds since 1970. */
  readonly renewAt: number
  renew(now: number): void | Promise<void>
}

export interface RenewalsOptions {
  readonly log: Log
  readonly now: () => number
  /** Called after each renewal. */
  readonly renewed: () => void
}

/** Milliseconds between looks. A timer cannot wait for months, and a clock that is set forward must be noticed. */
const longestWait = 60_000
const shortestWait = 1_000

/** Renews each thing when it is due, in the given order; what fails keeps its old state and is tried again. */
export class Renewals {
  readonly #things: readonly Renewable[]
  readonly #options: RenewalsOptions
  #timer: NodeJS.Timeout | undefined

  constructor(things: readonly Renewable[], options: RenewalsOptions) {
    this.#things = things
    this.#options = options
    this.#schedule()
  }

  async run(): Promise<void> {
    const { log, now, renewed } = this.#options
    for (const thing of this.#things.filter((each) => each.renewAt <= now())) {
      try {
        await thing.renew(now())
        log.info('renewed', { what: thing.label })
        renewed()
      } catch (error) {
        log.error('could not be renewed; the old one stays', { what: thing.label, error })
      }
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    const next = Math.min(...this.#things.map((thing) => thing.renewAt)) - this.#options.now()
    const wait = Math.max(shortestWait, Math.min(longestWait, next))
    const run = async () => {
      await this.run()
      if (this.#timer) this.#schedule()
    }
    this.#timer = setTimeout(() => void run(), wait).unref()
  }
}
