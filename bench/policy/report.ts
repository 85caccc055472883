import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { significant } from '../report/format.ts'
import { median, spread } from '../report/statistics.ts'
import { growthChart } from './growth-chart.ts'
import type { Costs } from './measure.ts'
import { type Shape, shapes, shapeWords } from './population.ts'

export interface Sample {
  readonly shape: Shape
  readonly count: number
  readonly round: number
  readonly costs: Costs
}

export interface Run {
  readonly counts: readonly number[]
  readonly rounds: number
  readonly connections: number
  readonly samples: readonly Sample[]
}

/** Writes page, plots and raw figures. */
export function writeReport(directory: string, run: Run): void {
  mkdirSync(directory, { recursive: true })
  const put = (name: string, content: string): void => writeFileSync(join(directory, name), content)
  put('evaluation.svg', evaluationChart(run))
  put('building.svg', buildingChart(run))
  put('index.md', page(run))
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
  put('results.json', `${JSON.stringify({ machine, ...run }, null, 2)}\n`)
}

function evaluationChart(run: Run): string {
  const lines = shapes.map((shape) => ({ name: shape, points: growth(run, shape, 'evaluation') }))
  const scan = { name: 'mixed, asked in turn', points: growth(run, 'mixed', 'scan') }
  return growthChart('Judging one connection', { x: 'policies on the workload', y: 'µs' }, [...lines, scan])
}

function buildingChart(run: Run): string {
  const lines = shapes.map((shape) => ({ name: shape, points: growth(run, shape, 'build') }))
  const add = { name: 'mixed, one more', points: growth(run, 'mixed', 'add') }
  return growthChart('From policies to the first verdict', { x: 'policies on the workload', y: 'ms' }, [
    ...lines,
    add,
  ])
}

function growth(run: Run, shape: Shape, cost: keyof Costs) {
  // A cost below what processor time is counted in is drawn at its smallest step.
  return run.counts.map((count) => ({
    x: count,
    y: Math.max(0.001, median(values(run, shape, count, cost))),
  }))
}

function page(run: Run): string {
  const most = run.counts.at(-1)!
  const rows = shapes.map((shape) => {
    const cell = (count: number, cost: keyof Costs): string => {
      const found = spread(values(run, shape, count, cost))
      return found
        ? `${significant(found.median)} (${significant(found.p25)}-${significant(found.p75)})`
        : '-'
    }
    const [first = most] = run.counts
    return [
      shapeWords[shape],
      cell(first, 'evaluation'),
      cell(most, 'evaluation'),
      cell(most, 'scan'),
      cell(most, 'reevaluation'),
      cell(most, 'build'),
      cell(most, 'add'),
    ]
  })
  const head = [
    'policies',
    `a connection, ${run.counts[0]} policies (µs)`,
    `a connection, ${most} (µs)`,
    `asked in turn, ${most} (µs)`,
    `${run.connections} live connections again (ms)`,
    `building for ${most} (ms)`,
    `one more policy (ms)`,
  ]
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    '# What judging a connection costs',
    '',
    `Processor time, medians of ${run.rounds} rounds with the quarters on either side, in one process on ` +
      `${cpus().length} processors (${cpus()[0]?.model}, Node ${process.version}) that others used meanwhile. Made by ` +
      '`node bench/policy.ts`; raw figures in [results.json](results.json).',
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    '',
    '![how judging grows](evaluation.svg)',
    '',
    '![how building grows](building.svg)',
    '',
    'Rules are looked up by the rarest value that they demand. Those that only except have none, and are passed by for a',
    'value that they except.',
    '',
  ].join('\n')
}

function values({ samples }: Run, shape: Shape, count: number, cost: keyof Costs): number[] {
  return samples
    .filter((sample) => sample.shape === shape && sample.count === count)
    .map(({ costs }) => costs[cost])
}
