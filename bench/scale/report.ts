import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { growthChart } from '../policy/growth-chart.ts'
import { significant } from '../report/format.ts'
import type { Machine } from '../report/run.ts'
import { median } from '../report/statistics.ts'
import { table } from '../report/table.ts'
import { type Metric, type ResultRecord, type Round, type ScenarioName, toRecords } from './records.ts'

export interface ScaleRun {
  /** ISO 8601. */
  readonly began: string
  /** What was typed. */
  readonly command: string
  readonly machine: Machine
  readonly node: string
  readonly scenarios: Readonly<Partial<Record<ScenarioName, string>>>
  readonly rounds: readonly Round[]
  /** Why it is not whole; undefined once it is. */
  readonly partial: string | undefined
}

/** Writes a run into a directory of its own, `scale-<date>` or `scale-<date>-2`, with `.partial` for what is not whole. */
export function writeRun(parent: string, run: ScaleRun): string {
  const directory = freeDirectory(parent, `scale-${run.began.slice(0, 10)}`, run.partial ? '.partial' : '')
  const draft = `${directory}.draft-${process.pid}`
  mkdirSync(draft, { recursive: true })
  const put = (name: string, content: string): void => writeFileSync(join(draft, name), content)
  const records = toRecords(run.rounds)
  const { rounds, ...about } = run
  const chart = memoryChart(records)
  put('results.json', json(records))
  put('run.json', json(about))
  put('raw.jsonl', rounds.map((round) => `${JSON.stringify(round)}\n`).join(''))
  if (chart) put('sidecar-memory.svg', chart)
  put('index.md', page(run, records, chart !== undefined))
  renameSync(draft, directory)
  return directory
}

/** One row for each scenario and metric. */
export function resultTable(records: readonly ResultRecord[]): string {
  return table(
    ['scenario', 'metric', 'median', 'quarters', 'rounds'],
    records.map(({ scenario, metric, median, p25, p75, rounds }) => [
      scenario,
      metricWords[metric],
      shown(metric, median),
      `${shown(metric, p25)} to ${shown(metric, p75)}`,
      `${rounds}`,
    ]),
  )
}

/** A value in the unit that a reader expects of it, e.g. `320 ms`, `0.410 cores`, `23.4 MB`. */
export function shown(metric: Metric, value: number): string {
  switch (metric) {
    case 'p50Ms':
    case 'p99Ms':
    case 'milliseconds':
      return `${significant(value)} ms`
    case 'cores':
      return `${significant(value)} cores`
    case 'privateBytes':
    case 'proportionalBytes':
      return `${significant(value / 1e6)} MB`
  }
}

const metricWords: Readonly<Record<Metric, string>> = {
  p50Ms: 'change to last sidecar, p50',
  p99Ms: 'change to last sidecar, p99',
  cores: 'processor time of the control plane',
  privateBytes: 'private memory (RssAnon)',
  proportionalBytes: 'proportional memory (Pss)',
  milliseconds: 'start to ready',
}

function page(run: ScaleRun, records: readonly ResultRecord[], hasChart: boolean): string {
  const { machine, node, command, began, scenarios, partial } = run
  return [
    '# How weft grows',
    '',
    ...(partial === undefined ? [] : [`**Not a whole run: ${partial}.**`, '']),
    `${began}, \`${command}\`. Linux ${machine.kernel}, ${machine.processors} processors (${machine.processor}), Node ` +
      `${node}. Medians of rounds with the quarters on either side; every round is in [raw.jsonl](raw.jsonl), with the ` +
      "machine's load, which is that of everything on it.",
    '',
    resultTable(records),
    '',
    ...waitingNote(run.rounds),
    ...Object.entries(scenarios).map(([name, words]) => `- \`${name}\`: ${words}`),
    '',
    ...(hasChart ? ['![memory of a sidecar](sidecar-memory.svg)', ''] : []),
  ].join('\n')
}

/** How much of the delays is the machine's doing. */
function waitingNote(rounds: readonly Round[]): string[] {
  const waiting = rounds.flatMap(({ circumstances }) => circumstances['waitingForProcessor'] ?? [])
  if (waiting.length === 0) return []
  const share = (median(waiting) * 100).toFixed(0)
  const words =
    'the control plane was ready to run and had no processor: part of each delay is the wait for one.'
  return [`In the median round, for ${share} % of the time ${words}`, '']
}

/** Undefined with fewer than two sizes to compare. */
function memoryChart(records: readonly ResultRecord[]): string | undefined {
  const line = (metric: Metric) =>
    records.flatMap(({ scenario, median, metric: own }) => {
      const known = /^sidecar-(\d+)$/.exec(scenario)?.[1]
      return known && own === metric ? [{ x: Number(known), y: median / 1e6 }] : []
    })
  const lines = [
    { name: 'private', points: line('privateBytes') },
    { name: 'proportional', points: line('proportionalBytes') },
  ]
  if (lines.some(({ points }) => points.length < 2)) return undefined
  return growthChart('Memory of one sidecar', { x: 'known workloads', y: 'MB' }, lines)
}

function freeDirectory(parent: string, name: string, suffix: string): string {
  for (let n = 1; ; n++) {
    const path = join(parent, `${name}${n === 1 ? '' : `-${n}`}${suffix}`)
    if (!existsSync(path)) return path
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
