import { ensurePrerequisites } from '../scripts/prerequisites.ts'
import { benchCommands } from './harness/commands.ts'
import { machine } from './harness/machine.ts'
import { allowOpenFiles } from './harness/open-files.ts'
import { UsageError } from './options.ts'
import { help, parseOptions, type ScaleOptions } from './scale/options.ts'
import { push } from './scale/push/push.ts'
import { type Round, type ScenarioName, toRecords } from './scale/records.ts'
import { resultTable, type ScaleRun, shown, writeRun } from './scale/report.ts'
import { measureSidecars } from './scale/sidecars.ts'

/** Answers the exit status: 0, 1 when something was not measured, 2 for bad usage, 130 after an interrupt. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(argv, process.cwd())
    if (options !== 'help') return await measure(options, argv)
    process.stdout.write(help)
    return 0
  } catch (error) {
    if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${help}`)
    else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function measure(options: ScaleOptions, argv: readonly string[]): Promise<number> {
  const rounds: Round[] = []
  const signal = interrupt()
  allowOpenFiles()
  const about = {
    began: new Date().toISOString(),
    command: ['npm run bench:scale', ...(argv.length > 0 ? ['--', ...argv.map(withoutPath)] : [])].join(' '),
    machine: machine(),
    node: process.versions.node,
    scenarios: describe(options),
  } satisfies Partial<ScaleRun>
  const measured = (round: Round): void => {
    rounds.push(round)
    say(describeRound(round))
  }
  try {
    for (const scope of ['namespace', 'mesh'] as const) {
      if (!options.scenarios.includes(`push-${scope}`)) continue
      await push({ scope, ...pushSize(options), rounds: options.rounds, signal, measured, say })
    }
    if (options.scenarios.some((name) => !name.startsWith('push'))) {
      await ensurePrerequisites(benchCommands, say)
      const settle = options.quick ? 3_000 : 10_000
      await measureSidecars({ ...options, settle, signal, measured, say })
    }
  } catch (error) {
    const reason = signal.aborted ? 'it was interrupted' : `it failed: ${(error as Error).message}`
    say(`partial results: ${writeRun(options.output, { ...about, rounds, partial: reason })}`)
    if (signal.aborted) return 130
    throw error
  }
  say(`\n${resultTable(toRecords(rounds))}\n`)
  say(`results: ${writeRun(options.output, { ...about, rounds, partial: undefined })}`)
  return 0
}

/** A hundredth of the pods changes each second. */
function pushSize({ quick }: ScaleOptions) {
  return quick
    ? { pods: 1_000, sidecars: 100, perSecond: 10, seconds: 10 }
    : { pods: 10_000, sidecars: 1_000, perSecond: 100, seconds: 20 }
}

function describe(options: ScaleOptions): ScaleRun['scenarios'] {
  const { pods, sidecars, perSecond, seconds } = pushSize(options)
  const pushed =
    `${sidecars} simulated sidecars, each with a connection of its own, in a mesh of ${pods} pods of which ` +
    `${perSecond} become ready or unready each second, for ${seconds} s a round; memory is the most that was seen`
  const words: Record<ScenarioName, string> = {
    'push-namespace': `${pushed}; a sidecar is sent its own namespace`,
    'push-mesh': `${pushed}; a sidecar is sent the whole mesh`,
    'sidecar-100': 'one sidecar that knows 100 workloads, ready and at rest',
    'sidecar-1000': 'the same with 1000',
    'sidecar-10000': 'the same with 10000',
    'node-10': 'the median of ten sidecars on one machine that know 100 workloads',
  }
  return Object.fromEntries(options.scenarios.map((name) => [name, words[name]]))
}

function describeRound({ scenario, round, figures, circumstances }: Round): string {
  const values = Object.entries(figures).map(([metric, value]) => {
    return `${metric} ${shown(metric as keyof typeof figures, value)}`
  })
  const rest = Object.entries(circumstances).map(
    ([name, value]) => `${name} ${Math.round(value * 100) / 100}`,
  )
  return `${scenario.padEnd(14)} round ${round}  ${values.join('  ')}  (${rest.join(', ')})`
}

/** Where results lie on one machine is nobody else's business. */
function withoutPath(argument: string): string {
  return argument.replace(/^((?:--\w+=)?)\/.*\//, '$1')
}

/** The first signal ends the run in order; a second one at once. */
function interrupt(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const abort = (): void => {
      controller.abort(new Error(`interrupted by ${signal}`))
      // Later, since the mesh leaves a signal alone for as long as somebody else listens.
      setImmediate(() => process.off(signal, abort))
    }
    process.on(signal, abort)
  }
  return controller.signal
}

if (import.meta.main) process.exit(await run(process.argv.slice(2)))
