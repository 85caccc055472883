import { Backoff } from '#runtime/backoff.ts'
import type { Log } from '#runtime/log.ts'
import type { Changing } from './changing.ts'
import type { StateDirectory } from './state-directory.ts'

/** What sidecars are given to trust the control plane with, before they know anything else. */
export const trustBundleFile = 'trust-bundle.pem'

/** All roots of the trust domain in PEM, as SDS pushes them and the bundle file holds them. */
export function trustBundle(roots: readonly string[]): string {
  return roots.join('')
}

/** Writes the bundle file, unless it holds these very roots already. */
export async function publishTrustBundle(state: StateDirectory, bundle: string): Promise<void> {
  if ((await state.read(trustBundleFile)) === bundle) return
  await state.write(trustBundleFile, bundle, 0o644)
}

export interface PublishedTrustOptions {
  readonly bundle: Changing<string>
  readonly publish: (bundle: string) => Promise<void>
  readonly log: Log
}

/** Brings each new bundle to where clients find it, again and again until that succeeds. */
export class PublishedTrust {
  readonly #options: PublishedTrustOptions
  readonly #backoff = new Backoff({ minimum: 1_000, maximum: 60_000 })
  readonly #unsubscribe: () => void
  #done: string | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: PublishedTrustOptions) {
    this.#options = options
    this.#unsubscribe = options.bundle.subscribe(() => this.#publishNext())
  }

  /** Whether the newest bundle is there. */
  get done(): boolean {
    return this.#done === this.#options.bundle.current
  }

  /** The first bundle, without which nobody could dial; rejects when it cannot be written. */
  async first(): Promise<void> {
    const { bundle, publish } = this.#options
    const { current } = bundle
    await publish(current)
    this.#done = current
  }

  close(): void {
    this.#unsubscribe()
    clearTimeout(this.#timer)
  }

  /** One after the other, so that the newest one stays. */
  #publishNext(): void {
    clearTimeout(this.#timer)
    this.#running = this.#running.then(() => this.#publish())
  }

  async #publish(): Promise<void> {
    try {
      await this.first()
      this.#backoff.reset()
    } catch (error) {
      this.#options.log.error('the trust bundle could not be written; it is tried again', { error })
      this.#timer = setTimeout(() => this.#publishNext(), this.#backoff.next()).unref()
    }
  }
}
