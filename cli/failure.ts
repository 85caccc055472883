import type { Command, CommanderError } from 'commander'

/** Why a command could not do its work: the line for standard error, and the exit status. */
export class Failure extends Error {
  override readonly name = 'Failure'
  /** 1 when the world refused, 2 when the question was wrong. */
  readonly status: 1 | 2

  constructor(message: string, { status, cause }: { status: 1 | 2; cause?: unknown }) {
    super(message, { cause })
    this.status = status
  }
}

/** What is wrong with a command line, and what to write instead. */
export function usageFailure({ code, message }: CommanderError, command: Command): Failure {
  const path = commandPath(command)
  const [text = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const [problem, choices] = text.replace(/\.$/, '').split('. Allowed choices are ')
  const meant = suggestion?.replace(/^\(D/, 'd').replace(/\)$/, '')
  const write =
    meant ??
    (choices === undefined ? instead(code, path, command) : `write ${choices.replaceAll(', ', ' or ')}`)
  return new Failure(`${path}: ${problem?.split('. ')[0]}: ${write}`, { status: 2 })
}

function instead(code: string, path: string, command: Command): string {
  switch (code) {
    case 'commander.missingArgument':
    case 'commander.excessArguments':
      return `write ${path} ${command.usage()}`
    default:
      return `see ${path} --help`
  }
}

function commandPath(command: Command): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name()
}
