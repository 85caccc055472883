import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from '../options.ts'
import { type ScenarioName, scenarioNames } from './records.ts'

export interface ScaleOptions {
  readonly quick: boolean
  readonly rounds: number
  /** In the order in which they run. */
  readonly scenarios: readonly ScenarioName[]
  /** Where the directory of the date is made. */
  readonly output: string
}

export const help = `Usage: npm run bench:scale -- [options]

Measures how weft grows, and writes every round, results.json, plots and a page to bench/results/scale-<date>/:
how long an endpoint's change takes to the last of 1 000 simulated sidecars in a mesh of 10 000 pods of which 100 change
each second, and what that costs the control plane; what a sidecar that knows 100, 1 000 and 10 000 workloads costs, and
each of ten on one node. The sidecars need root, for network namespaces.

  --quick            one short round of each: a tenth of the simulated sidecars and pods
  --rounds N         rounds of each scenario, 5 by default, 1 with --quick
  --scenario NAME    only this one; may be given several times or as a list: a,b
  --output DIR       bench/results by default
  --help             this text

Scenarios: ${scenarioNames.join(', ')}

Examples:
  npm run bench:scale -- --quick
  npm run bench:scale -- --scenario push-namespace,push-mesh --rounds 3
  npm run bench:scale -- --scenario sidecar-10000 --output /tmp/bench
`

/** Parses the command line; `help` when it asks for that. Throws UsageError. */
export function parseOptions(argv: readonly string[], cwd: string): ScaleOptions | 'help' {
  const { values } = parse(argv)
  if (values.help) return 'help'
  return {
    quick: values.quick,
    rounds: parseRounds(values.rounds ?? (values.quick ? '1' : '5')),
    scenarios: chosen(values.scenario.flatMap((text) => text.split(','))),
    output: resolve(cwd, values.output),
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        scenario: { type: 'string', multiple: true, default: [] as string[] },
        output: { type: 'string', default: 'bench/results' },
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function parseRounds(text: string): number {
  const rounds = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (rounds < 1) throw new UsageError(`--rounds ${text}: write a whole number from 1 to 999`)
  return rounds
}

function chosen(given: readonly string[]): ScenarioName[] {
  const unknown = given.find((name) => !scenarioNames.some((known) => known === name))
  if (unknown !== undefined) {
    throw new UsageError(`--scenario ${unknown}: write one of ${scenarioNames.join(', ')}`)
  }
  return scenarioNames.filter((name) => given.length === 0 || given.includes(name))
}
