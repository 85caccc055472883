import type { PeerName } from './harness/peer.ts'
import { significant } from './report/format.ts'
import type { Measurement } from './report/measurement.ts'
import type { Figure } from './scenarios/scenario.ts'

/** Tells whoever waits how far the run is. */
export class Progress {
  readonly #write: (line: string) => void
  #began = 0
  #total = 0
  #done = 0

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  say(line: string): void {
    this.#write(line)
  }

  /** From here on turns are counted, of which there will be so many. */
  expect(turns: number): void {
    this.#began = performance.now()
    this.#total = turns
  }

  /** A turn is over, with the measurement that counts or the last that did not. */
  turn({ scenario, peer, round, outcome }: Measurement): void {
    this.#done++
    const place = `${`${this.#done}`.padStart(`${this.#total}`.length)}/${this.#total}`
    const what = outcome.kind === 'valid' ? describeFigures(outcome.figures) : `INVALID: ${outcome.problem}`
    this.#write(`${place} ${scenario.padEnd(15)} round ${round}  ${peer.padEnd(14)} ${what}${this.#left()}`)
  }

  invalid(peer: PeerName, problem: string): void {
    this.#write(`    INVALID, ${peer} takes this turn again: ${problem}`)
  }

  #left(): string {
    if (this.#done === this.#total) return ''
    const each = (performance.now() - this.#began) / this.#done
    const seconds = Math.ceil((each * (this.#total - this.#done)) / 1_000)
    return seconds >= 90 ? `  (${Math.ceil(seconds / 60)} min left)` : `  (${seconds} s left)`
  }
}

function describeFigures(figures: Readonly<Partial<Record<Figure, number>>>): string {
  return Object.entries(figures)
    .filter(([name]) => shown.includes(name as Figure))
    .map(([name, value]) => `${name} ${significant(value)}`)
    .join('  ')
}

const shown: readonly Figure[] = [
  'p50Ms',
  'p99Ms',
  'perSecond',
  'bytesPerSecond',
  'clientPrivateBytes',
  'serverPrivateBytes',
  'milliseconds',
]
