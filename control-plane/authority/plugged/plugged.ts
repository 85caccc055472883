import { createHash } from 'node:crypto'
import type { Log } from '#runtime/log.ts'
import { Changeable } from '../changing.ts'
import { endOf } from '../issue.ts'
import { urgencyOf } from './life.ts'
import type { PluggedMetrics } from './metrics.ts'
import { type PluggedCa, readPluggedCa } from './plugged-ca.ts'
import { PluggedCaRefused } from './refusal.ts'
import type { CaSource, Found } from './source.ts'
import { type Names, tryOut } from './trial.ts'

export interface PluggedOptions {
  readonly source: CaSource
  /** What it is tried with. */
  readonly names: Names
  /** Milliseconds that a workload's certificate shall live. */
  readonly lifetime: number
  readonly log: Log
  readonly metrics: PluggedMetrics
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Milliseconds between looks at what no change tells: time passes. */
const interval = 60_000

/** The authority that is plugged in: the last good one, whatever was put there after it. */
export class Plugged {
  readonly #options: PluggedOptions
  readonly #ca = new Changeable<PluggedCa | undefined>(undefined)
  readonly #end = new AbortController()
  readonly #looked = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<never>()
  readonly #timer: NodeJS.Timeout
  #found: Found | undefined
  #seen: string | undefined
  #refused: string | undefined
  #told = ''

  constructor(options: PluggedOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#pass(), interval).unref()
    // Nobody may be waiting when it ends.
    this.#ended.promise.catch(() => {})
    void this.#run()
  }

  /** Undefined until there was a good one. */
  get current(): PluggedCa | undefined {
    return this.#ca.current
  }

  /** Calls the listener after each change. Answers what ends the subscription. */
  subscribe(listener: () => void): () => void {
    return this.#ca.subscribe(listener)
  }

  /** Resolves once what is there now was judged, good or not. Rejects when the source ends. */
  looked(): Promise<void> {
    return Promise.race([this.#looked.promise, this.#ended.promise])
  }

  /** Resolves to a good one, which may be long in coming. Rejects when the source ends. */
  async good(): Promise<PluggedCa> {
    return this.current ?? (await this.another())
  }

  /** Resolves to the next good one. Rejects when the source ends. */
  async another(): Promise<PluggedCa> {
    const { promise, resolve } = Promise.withResolvers<PluggedCa>()
    const end = this.#ca.subscribe((ca) => ca && resolve(ca))
    try {
      return await Promise.race([promise, this.#ended.promise])
    } finally {
      end()
    }
  }

  close(): void {
    this.#end.abort()
    clearInterval(this.#timer)
  }

  async #run(): Promise<void> {
    for await (const found of this.#options.source.watch(this.#end.signal)) {
      const content = identify(found)
      if (content === this.#seen) continue
      this.#seen = content
      this.#found = found
      await this.#judge(found)
      this.#looked.resolve()
    }
    this.#ended.reject(new DOMException('nothing more will be plugged in', 'AbortError'))
  }

  /** What was refused because of the time may be good by now, and what is good may be near its end. */
  async #pass(): Promise<void> {
    const found = this.#found
    if (this.#refused !== undefined && found) await this.#judge(found)
    this.#tellLife()
  }

  async #judge(found: Found): Promise<void> {
    const { names, lifetime, now } = this.#options
    try {
      if (found.kind === 'nothing') throw new PluggedCaRefused(found.problem)
      const ca = await readPluggedCa(found.material, { now: now(), lifetime })
      await tryOut(ca.signer, names)
      // Something else may have been put there meanwhile.
      if (found === this.#found && !this.#end.signal.aborted) this.#accept(ca)
    } catch (error) {
      if (found === this.#found) this.#refuse(error)
    }
  }

  #accept(ca: PluggedCa): void {
    const { log, metrics, source } = this.#options
    this.#refused = undefined
    metrics.accepted()
    log.info('certificate authority plugged in', {
      place: source.place,
      subject: ca.signer.certificate.subject,
      root: ca.root.subject,
      ends: new Date(endOf(ca.signer)).toISOString(),
    })
    for (const warning of ca.warnings) log.warn(`certificate authority: ${warning}`, { place: source.place })
    this.#ca.set(ca)
    this.#tellLife()
  }

  /** The same sentence is told once; a failure of ours is one more reason not to use it. */
  #refuse(error: unknown): void {
    const { log, metrics, source } = this.#options
    const problem = error instanceof Error ? error.message : String(error)
    if (problem === this.#refused) return
    this.#refused = problem
    metrics.refused()
    log.error('the certificate authority that is plugged in is refused', { place: source.place, problem })
    log.warn(this.current ? 'the last good one stays' : 'waiting for a good one', { place: source.place })
  }

  /** Once a day for each degree of urgency, beginning long before the end. */
  #tellLife(): void {
    const { log, source, now } = this.#options
    const { current } = this
    const urgency = current && urgencyOf(current.signer, now())
    if (!current || !urgency) return
    const ends = new Date(endOf(current.signer)).toISOString()
    const telling = `${urgency} ${ends} ${new Date(now()).toISOString().slice(0, 10)}`
    if (telling === this.#told) return
    this.#told = telling
    const message = 'the certificate authority that is plugged in nears its end: put a new one in its place'
    if (urgency === 'urgent') log.error(message, { place: source.place, ends })
    else log.warn(message, { place: source.place, ends })
  }
}

/** Tells contents apart without keeping what is secret. */
function identify(found: Found): string {
  const hash = createHash('sha256')
  if (found.kind === 'nothing') return hash.update(`nothing ${found.problem}`).digest('hex')
  const { content, password } = found.material
  return hash.update(`material ${password.length} ${password} `).update(content).digest('hex')
}
