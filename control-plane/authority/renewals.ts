import { Backoff } from '#runtime/backoff.ts'
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
const wait = { minimum: 1_000, maximum: 60_000 }

/** Renews each thing when it is due, in the given order; what fails keeps its old state and is tried again. */
export class Renewals {
  readonly #things: readonly Renewable[]
  readonly #options: RenewalsOptions
  readonly #backoff = new Backoff(wait)
  #timer: NodeJS.Timeout | undefined
  #running: Promise<boolean> = Promise.resolve(true)

  constructor(things: readonly Renewable[], options: RenewalsOptions) {
    this.#things = things
    this.#options = options
    this.#schedule(this.#untilDue())
  }

  /** One run after the other. False when something could not be renewed. */
  run(): Promise<boolean> {
    this.#running = this.#running.then(() => this.#run())
    return this.#running
  }

  async #run(): Promise<boolean> {
    const { log, now, renewed } = this.#options
    let succeeded = true
    for (const thing of this.#things.filter((each) => each.renewAt <= now())) {
      try {
        await thing.renew(now())
        log.info('renewed', { what: thing.label })
        renewed()
      } catch (error) {
        log.error('could not be renewed; the old one stays', { what: thing.label, error })
        succeeded = false
      }
    }
    return succeeded
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(milliseconds: number): void {
    const run = async () => {
      const succeeded = await this.run()
      if (succeeded) this.#backoff.reset()
      if (this.#timer) this.#schedule(succeeded ? this.#untilDue() : this.#backoff.next())
    }
    this.#timer = setTimeout(() => void run(), milliseconds).unref()
  }

  #untilDue(): number {
    const due = Math.min(...this.#things.map((thing) => thing.renewAt)) - this.#options.now()
    return Math.max(wait.minimum, Math.min(wait.maximum, due))
  }
}
