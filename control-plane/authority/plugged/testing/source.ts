import type { CaSource, Found } from '../source.ts'

/** A source whose content a test writes. */
export class TestSource implements CaSource {
  readonly place = 'the test'
  readonly #end = new AbortController()
  #content: string | undefined
  #news = Promise.withResolvers<void>()

  constructor(content?: string) {
    this.#content = content
  }

  /** Puts something there; nothing takes it away. */
  put(content: string | undefined): void {
    this.#content = content
    this.#news.resolve()
  }

  end(): void {
    this.#end.abort()
    this.#news.resolve()
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Found> {
    signal.addEventListener('abort', () => this.end())
    while (!this.#end.signal.aborted) {
      yield foundIn(this.#content)
      await this.#news.promise
      this.#news = Promise.withResolvers()
    }
  }
}

function foundIn(content: string | undefined): Found {
  if (content === undefined) return { kind: 'nothing', problem: 'it is missing: write it' }
  return { kind: 'material', material: { content: Buffer.from(content), password: '' } }
}
