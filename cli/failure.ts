import type { Command, CommanderError } from 'commander'

/** Why a command could not do its work: the line for standard error, and the exit status. */
export class Failure extends Error {
  override readonly name = 'Failure'
  /** 1 when the world refused, 2 when the question was wrong. */
  readonly status: 1 | 2
  /** Whether it may go by itself, so that somebody who waits need not give up. */
  readonly transient: boolean

  constructor(
    message: string,
    { status, cause, transient = false }: { status: 1 | 2; cause?: unknown; transient?: boolean },
  ) {
    super(message, { cause })
    this.status = status
    this.transient = transient
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
