import { ensurePrerequisites } from '../scripts/prerequisites.ts'
import { bench } from './bench.ts'
import { benchCommands, peerCommands } from './harness/commands.ts'
import { machine } from './harness/machine.ts'
import { allowOpenFiles } from './harness/open-files.ts'
import { findK6, k6Version } from './load/find-k6.ts'
import { Logbook } from './logbook.ts'
import { help, type Options, parseOptions, UsageError } from './options.ts'
import { Progress } from './progress.ts'

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

async function measure(options: Options, argv: readonly string[]): Promise<number> {
  const progress = new Progress((line) => process.stdout.write(`${line}\n`))
  await prepare(progress)
  const interrupted = interrupt()
  const k6 = await findK6(options.k6, (line) => progress.say(line))
  allowOpenFiles()
  const logbook = new Logbook(options.output, {
    command: ['npm run bench', ...(argv.length > 0 ? ['--', ...argv.map(withoutPath)] : [])].join(' '),
    machine: machine(),
    load: k6Version(k6),
    rounds: options.rounds,
  })
  try {
    await bench({ options, k6, logbook, progress, signal: interrupted })
  } catch (error) {
    const reason = interrupted.aborted ? 'it was interrupted' : `it failed: ${(error as Error).message}`
    progress.say(`partial results: ${logbook.save(reason)}`)
    if (interrupted.aborted) return 130
    throw error
  }
  progress.say(`results: ${logbook.save(undefined)}`)
  for (const failure of logbook.failures) progress.say(`FAILED: ${failure}`)
  return logbook.failures.length > 0 ? 1 : 0
}

async function prepare(progress: Progress): Promise<void> {
  const say = (line: string) => progress.say(line)
  await ensurePrerequisites(benchCommands, say)
  await ensurePrerequisites(peerCommands, say).catch((error: Error) => say(error.message))
}

/** Where a binary lies on one machine is nobody else's business. */
function withoutPath(argument: string): string {
  return argument.replace(/^((?:\w+=)?)\/.*\//, '$1')
}

/** The first signal ends the run in order; a second one at once. */
function interrupt(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const abort = () => {
      controller.abort(new Error(`interrupted by ${signal}`))
      // Later, since the mesh leaves a signal alone for as long as somebody else listens.
      setImmediate(() => process.off(signal, abort))
    }
    process.on(signal, abort)
  }
  return controller.signal
}

if (import.meta.main) process.exit(await run(process.argv.slice(2)))
