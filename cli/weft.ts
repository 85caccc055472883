import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { addCheck } from './commands/check.ts'
import { addControlPlane } from './commands/control-plane.ts'
import { addDemo } from './commands/demo.ts'
import { addExplain } from './commands/explain.ts'
import { addIdentity } from './commands/identity.ts'
import { addRevoke } from './commands/identity-revocation.ts'
import { addIdentityStatus, addRotate } from './commands/identity-rotation.ts'
import { addInject } from './commands/inject.ts'
import { addInstall, addUninstall } from './commands/install.ts'
import { addProxy } from './commands/proxy.ts'
import { addRedirect } from './commands/redirect.ts'
import { addSidecar } from './commands/sidecar.ts'
import { addStatus } from './commands/status.ts'
import { addEpilogue } from './epilogue.ts'
import { Failure, usageFailure } from './failure.ts'

/** Runs the command line and sets the exit status. Whatever fails is told in one line, never thrown. */
export async function weft(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' })
  } catch (error) {
    process.exitCode = report(error)
  }
}

/** Tells why a command ended early, and answers the exit status. */
function report(error: unknown): number {
  if (error instanceof Failure) {
    process.stderr.write(`${error.message}\n`)
    return error.status
  }
  // Help and version come this way too, already written; help that nobody asked for stands for a missing command.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`weft: this is a mistake in weft itself: ${message}\n`)
  return 2
}

function createProgram(): Command {
  const program = new Command('weft')
    .description(packageJson.description)
    .version(packageJson.version, '-V, --version', 'the version of this command')
    .helpOption('-h, --help', 'what a command does, with examples')
    .helpCommand('help [COMMAND]', 'the same as COMMAND --help')
    .configureOutput({ outputError: () => {} })
  addDemo(program)
  addInstall(program)
  addUninstall(program)
  addCheck(program)
  addStatus(program)
  addControlPlane(program)
  addSidecar(program)
  addRedirect(program)
  addExplain(program)
  const identity = addIdentity(program)
  addRevoke(identity)
  addRotate(identity)
  addIdentityStatus(identity)
  addInject(program)
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
