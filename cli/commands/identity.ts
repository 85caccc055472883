import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import type { TargetChoice } from '../identity/target.ts'
import { contextOption } from './check.ts'

/** `weft identity`: what operators do about identities while the mesh runs. */
export function addIdentity(program: Command): Command {
  const identity = program
    .command('identity')
    .summary('replace the root, take certificates back')
    .description(
      'Asks the control plane for something about identities: that of a cluster, by a ConfigMap, or that of this ' +
        'machine, by a file in its state directory.',
    )
    .helpCommand(false)
  addEpilogue(identity, {
    examples: [
      ['weft identity status', 'which roots are trusted, and how a rotation stands'],
      ['weft identity rotate', 'replace the root, with no restart'],
      ['weft identity revoke frontend-1 -n shop', 'cut one pod off'],
    ],
  })
  return identity
}

/** Adds the options that say which control plane is asked. */
export function withTarget(command: Command): Command {
  return command
    .addOption(
      new Option('--state-dir <DIR>', 'of the control plane on this machine; a cluster’s without it').env(
        'WEFT_STATE_DIR',
      ),
    )
    .addOption(contextOption())
    .addOption(
      new Option('--weft-namespace <NAMESPACE>', 'of the control plane in a cluster').default('weft-system'),
    )
}

export interface TargetOptions {
  readonly stateDir?: string
  readonly context?: string
  readonly weftNamespace: string
}

export function targetOf({ stateDir, context, weftNamespace }: TargetOptions): TargetChoice {
  return { stateDir, context, weftNamespace }
}
