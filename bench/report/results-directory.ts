import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { page } from './page.ts'
import { plots } from './plots.ts'
import { toRecords } from './records.ts'
import type { Run } from './run.ts'

/** Where a run is written down: `<date>.partial` until it is whole, then `<date>`, or `<date>-2` when that is taken. */
export class ResultsDirectory {
  readonly #parent: string
  readonly #date: string
  readonly #draft: string

  constructor(parent: string, began: string) {
    this.#parent = parent
    this.#date = began.slice(0, 10)
    this.#draft = this.#free('.partial')
    mkdirSync(join(this.#draft, 'raw'), { recursive: true })
  }

  /** Writes everything as it is now. Answers the directory, which has its final name once the run is whole. */
  write(run: Run): string {
    const records = toRecords(run.measurements)
    const drawn = plots(records, run.measurements)
    const { measurements, ...about } = run
    this.#put('results.json', json(records))
    this.#put('run.json', json(about))
    this.#put('index.md', page(run, records, drawn))
    for (const { file, svg } of drawn) this.#put(file, svg)
    for (const scenario of new Set(measurements.map((one) => one.scenario))) {
      const turns = measurements.filter((one) => one.scenario === scenario)
      this.#put(join('raw', `${scenario}.jsonl`), turns.map((turn) => `${JSON.stringify(turn)}\n`).join(''))
    }
    if (run.partial !== undefined) return this.#draft
    const final = this.#free('')
    renameSync(this.#draft, final)
    return final
  }

  #put(name: string, content: string): void {
    writeFileSync(join(this.#draft, name), content)
  }

  #free(suffix: string): string {
    for (let n = 1; ; n++) {
      const path = join(this.#parent, `${this.#date}${n === 1 ? '' : `-${n}`}${suffix}`)
      if (!existsSync(path)) return path
    }
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
