import { type Command, Option } from 'commander'

/** A flag that stands for a variable of a component's environment. */
export type EnvironmentFlag = readonly [flag: string, variable: string, description: string]

/** Adds the flags. `--help` names the variable beside each. */
export function addEnvironmentFlags(command: Command, flags: readonly EnvironmentFlag[]): Command {
  for (const [flag, variable, description] of flags) {
    command.addOption(new Option(flag, description).env(variable))
  }
  return command
}

/** The environment that a component is to run in: this process's own, with what the flags say in its place. */
export function environmentOf(command: Command): NodeJS.ProcessEnv {
  const variables = { ...process.env }
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName())
    if (option.envVar !== undefined && typeof value === 'string') variables[option.envVar] = value
  }
  return variables
}
