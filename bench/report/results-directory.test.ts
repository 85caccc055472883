import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ResultsDirectory } from './results-directory.ts'
import type { Run } from './run.ts'
import { turn } from './testing/turns.ts'

let parent: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'weft-bench-'))
})

afterEach(() => rmSync(parent, { recursive: true, force: true }))

const began = '2026-11-21T10:00:00.000Z'
const run: Run = {
  began,
  command: 'npm run bench',
  machine: { processor: '', processors: 2, memory: 1, kernel: '', congestionControl: '', openFiles: 1 },
  load: 'k6',
  rounds: 1,
  peers: [],
  leftOut: [],
  proofs: [],
  measurements: [turn('churn', 'weft', 1, { perSecond: 5 })],
  partial: undefined,
}

test('a whole run gets the name of its date, the next one a number as well', () => {
  expect(new ResultsDirectory(parent, began).write(run)).toBe(join(parent, '2026-11-21'))
  expect(new ResultsDirectory(parent, began).write(run)).toBe(join(parent, '2026-11-21-2'))
})

test('a run that is not whole can be told by its name, until it is', () => {
  const directory = new ResultsDirectory(parent, began)
  expect(directory.write({ ...run, partial: 'it is still going on' })).toBe(
    join(parent, '2026-11-21.partial'),
  )
  directory.write(run)
  expect(readdirSync(parent)).toEqual(['2026-11-21'])
})

test('results.json is the list of records alone; every turn is kept', () => {
  const path = new ResultsDirectory(parent, began).write(run)
  expect(JSON.parse(readFileSync(join(path, 'results.json'), 'utf8'))).toEqual([
    {
      scenario: 'churn',
      peer: 'weft',
      metric: 'perSecond',
      unit: '1/s',
      median: 5,
      p25: 5,
      p75: 5,
      rounds: 1,
    },
  ])
  expect(JSON.parse(readFileSync(join(path, 'raw/churn.jsonl'), 'utf8'))).toEqual(run.measurements[0])
  expect(readdirSync(path)).toEqual(['churn.svg', 'index.md', 'raw', 'results.json', 'run.json'])
})
