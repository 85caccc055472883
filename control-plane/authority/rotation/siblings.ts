import type { IdentityStatus } from '../revocation/identity-status.ts'
import type { Standing } from './followers.ts'
import { formatWord, parseWord } from './standings-text.ts'

/** How replicas of one control plane tell each other, during a rotation, of the pods that are connected to them. */
export interface SiblingsOptions {
  readonly status: IdentityStatus
  /** This replica's own name; no two have the same. */
  readonly name: string
  /** Milliseconds of a clock that only goes forward; a port for tests. */
  readonly clock?: () => number
}

/** Milliseconds. */
const timing = { betweenWords: 2_000, heartbeat: 15_000, silence: 45_000 }
const prefix = 'replica.'

/** A replica's word counts while it is renewed; clocks are not compared. */
export class Siblings {
  readonly #options: SiblingsOptions
  readonly #clock: () => number
  readonly #heard = new Map<string, { readonly text: string; readonly at: number }>()
  #told: { readonly word: string; readonly at: number } | undefined
  #beat = 0

  constructor(options: SiblingsOptions) {
    this.#options = options
    this.#clock = options.clock ?? (() => performance.now())
  }

  /** Tells what this replica knows, when that is news or the last word grows old. */
  async tell(of: string, standings: ReadonlyMap<string, Standing>): Promise<void> {
    const { status, name } = this.#options
    const word = formatWord({ of, standings }, 0)
    const age = this.#told ? this.#clock() - this.#told.at : Number.POSITIVE_INFINITY
    if (age < (word === this.#told?.word ? timing.heartbeat : timing.betweenWords)) return
    await status.write({ [`${prefix}${name}`]: formatWord({ of, standings }, ++this.#beat) })
    this.#told = { word, at: this.#clock() }
  }

  /** What the others say of the same state. */
  async hear(of: string): Promise<ReadonlyMap<string, Standing>[]> {
    const words: ReadonlyMap<string, Standing>[] = []
    for (const [key, text] of await this.#others()) {
      const known = this.#heard.get(key)
      if (known?.text !== text) this.#heard.set(key, { text, at: this.#clock() })
      else if (this.#clock() - known.at > timing.silence) continue
      const word = parseWord(text)
      if (word?.of === of) words.push(word.standings)
    }
    return words
  }

  /** Takes back this replica's word once there is nothing to say; `all` also what others left behind. */
  async rest(all: boolean): Promise<void> {
    const { status, name } = this.#options
    const own = this.#told ? [`${prefix}${name}`] : []
    const others = all ? (await this.#others()).map(([key]) => key) : []
    this.#told = undefined
    this.#heard.clear()
    const gone = [...own, ...others]
    if (gone.length > 0) await status.write(Object.fromEntries(gone.map((key) => [key, null])))
  }

  async #others(): Promise<[string, string][]> {
    const { status, name } = this.#options
    const entries = Object.entries(await status.read())
    return entries.filter(([key]) => key.startsWith(prefix) && key !== `${prefix}${name}`)
  }
}
