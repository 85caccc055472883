import { type PeerName, peerNames } from '../harness/peer.ts'
import { type ScenarioName, scenarioNames } from '../scenarios/scenario.ts'
import { losses, summary } from './comparison.ts'
import { formatValue, metricWords, significant } from './format.ts'
import { goals } from './goals.ts'
import type { Measurement } from './measurement.ts'
import { invalid, method, proofTable } from './method.ts'
import type { Plot } from './plots.ts'
import type { Metric, ResultRecord } from './records.ts'
import type { Run } from './run.ts'
import { table } from './table.ts'
import { isBetterHigh, verdicts } from './verdicts.ts'

/** The page that says in plain words what came out. Markdown. */
export function page(run: Run, records: readonly ResultRecord[], plots: readonly Plot[]): string {
  const all = verdicts(records)
  const sections = [
    `# weft beside its peers, ${run.began.slice(0, 10)}`,
    run.partial !== undefined &&
      `**This run is partial: ${run.partial}.** What follows is what it had until then.`,
    introduction(run),
    '## Who wins what',
    summary(all),
    '## Where weft loses',
    losses(all),
    '## Goals',
    goalTable(records, run.measurements),
    '## Figures',
    legend,
    ...scenarioNames.flatMap((scenario) => figures(scenario, records, plots)),
    ...plots.filter(({ file }) => !file.startsWith('latency-')).map(image),
    '## What was encrypted, and how it was seen',
    proofTable(run),
    '## How it was measured',
    method(run),
    invalid(run.measurements),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

const legend =
  'Medians over the rounds, with the quarter on either side in brackets; the best proxy in bold. What is *added* is ' +
  'over the direct connection in the same round; what a proxy costs is the mean of the two proxies. `raw/` has every turn, each proxy by itself.'

function introduction({ command, machine, rounds, leftOut, peers }: Run): string {
  const { processor, processors, memory, kernel } = machine
  const place = `${processors} processors (${processor}), ${significant(memory / 1e9)} GB, Linux ${kernel}`
  const versions = peers.map(({ name, version }) => `- ${name}: ${version}`)
  const absent = leftOut.map(({ name, reason }) => `- ${name} was left out: ${reason}`)
  return [`Made by \`${command}\` with ${rounds} rounds on ${place}.`, '', ...versions, ...absent].join('\n')
}

function goalTable(records: readonly ResultRecord[], measurements: readonly Measurement[]): string {
  const rows = goals(records, measurements).map(({ goal, measured, met }) => [
    goal,
    measured,
    met ? 'met' : '**missed**',
  ])
  return rows.length > 0
    ? table(['goal', 'measured', ''], rows)
    : 'This run has no figures that a goal is about.'
}

function figures(scenario: ScenarioName, records: readonly ResultRecord[], plots: readonly Plot[]): string[] {
  const own = records.filter((record) => record.scenario === scenario)
  if (own.length === 0) return []
  const metrics = [...new Set(own.map(({ metric }) => metric))]
  const rows = peerNames
    .filter((name) => own.some(({ peer }) => peer === name))
    .map((name) => [name, ...metrics.map((metric) => cell(own, name, metric))])
  const plot = plots.find(({ file }) => file === `${scenario}.svg` && file.startsWith('latency-'))
  const heading = ['', ...metrics.map((metric) => metricWords[metric])]
  return [`### ${scenario}`, table(heading, rows), ...(plot ? [image(plot)] : [])]
}

function cell(records: readonly ResultRecord[], peer: PeerName, metric: Metric): string {
  const record = records.find((one) => one.peer === peer && one.metric === metric)
  if (!record) return ''
  const [p25, p75] = [formatValue(metric, record.p25), formatValue(metric, record.p75)]
  const best = bestOf(records, metric) === record
  const value = formatValue(metric, record.median)
  return `${best ? `**${value}**` : value} (${p25} to ${p75})`
}

/** The best of those that stand between the applications. */
function bestOf(records: readonly ResultRecord[], metric: Metric): ResultRecord | undefined {
  const sign = isBetterHigh(metric) ? -1 : 1
  return records
    .filter((one) => one.metric === metric && one.peer !== 'direct')
    .toSorted((a, b) => sign * (a.median - b.median))[0]
}

function image({ title, file }: Plot): string {
  return `![${title}](${file})`
}
