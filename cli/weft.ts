import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { addControlPlane } from './commands/control-plane.ts'
import { addDemo } from './commands/demo.ts'
import { addExplain } from './commands/explain.ts'
import { addProxy } from './commands/proxy.ts'
import { addRedirect } from './commands/redirect.ts'
import { addSidecar } from './commands/sidecar.ts'
import { addEpilogue } from './epilogue.ts'
import { Failure, usageFailure } from './failure.ts'

/** Runs the command line and answers the exit status. Whatever fails is told in one line, never thrown. */
export async function weft(argv: readonly string[]): Promise<number> {
  try {
    // Commands say their status there, so that what they start may set one as well.
    process.exitCode = 0
    await createProgram().parseAsync(argv, { from: 'user' })
    return Number(process.exitCode)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    for (const line of describe(error).split('\n')) process.stderr.write(`${line}\n`)
    return error instanceof Failure ? error.status : 2
  }
}

function createProgram(): Command {
  const program = new Command('weft')
    .description(packageJson.description)
    .version(packageJson.version, '-V, --version', 'the version of this command')
    .helpOption('-h, --help', 'what a command does, with examples')
    .helpCommand('help [COMMAND]', 'the same as COMMAND --help')
    .configureOutput({ outputError: () => {} })
  addDemo(program)
  addControlPlane(program)
  addSidecar(program)
  addRedirect(program)
  addExplain(program)
  addProxy(program)
  addEpilogue(program, {
    examples: [
      ['weft demo', 'a whole mesh on this machine, and what it does'],
      ['weft explain frontend backend:80', 'may frontend connect to backend, and why'],
      ['weft proxy connections', 'who is connected through the sidecar here'],
    ],
  })
  for (const command of withSubcommands(program)) {
    command.exitOverride((error) => {
      throw error.exitCode === 0 || error.code === 'commander.help' ? error : usageFailure(error, command)
    })
  }
  return program
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

function describe(error: unknown): string {
  if (error instanceof Failure) return error.message
  return `weft: this is a mistake in weft itself: ${error instanceof Error ? error.message : String(error)}`
}
