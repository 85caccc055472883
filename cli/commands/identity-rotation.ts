import type { Command } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'
import { type TargetOptions, targetOf, withTarget } from './identity.ts'

/** Replaces the root that every identity hangs from, under way. */
export function addRotate(identity: Command): void {
  const command = withTarget(identity.command('rotate'))
    .summary('replace the root, with no restart')
    .description(
      'Asks the control plane for another root, and tells how it goes on until the old one is gone. Old and new ' +
        'overlap, so that no connection ends. The control plane goes on by itself: to end this command ends nothing.',
    )
    .option('--no-wait', 'only ask')
    .action(async ({ wait, ...target }: TargetOptions & { readonly wait: boolean }) => {
      const { rotate } = await import('../identity/rotate.ts')
      await rotate({ choice: targetOf(target), wait })
    })
  addEpilogue(command, {
    text: `
An API server that does not answer while a rotation is followed is told once and
asked again; one that says no ends the command, and not the rotation.`,
    examples: [
      ['weft identity rotate', 'in the cluster that kubectl talks to'],
      ['weft identity rotate --state-dir /var/lib/weft --no-wait', 'on one machine, and leave it to itself'],
    ],
    statuses: {
      0: 'asked for, and without --no-wait done',
      1: 'not asked for: one is under way, or the root is plugged in',
      2: 'it cannot be asked for; or it was, and how it goes on is not to be seen any more',
    },
  })
}

/** How roots, issuer and a rotation stand. */
export function addIdentityStatus(identity: Command): void {
  const command = withTarget(identity.command('status'))
    .summary('the roots, and how a rotation stands')
    .description(
      'Tells which roots are trusted and when they end, and what a rotation waits for, by name, and until when.',
    )
    .option('-w, --watch', 'tell it again whenever it changes')
    .addOption(outputOption())
    .action(async ({ watch = false, output, ...target }: StatusOptions) => {
      const { showRotation } = await import('../identity/show-rotation.ts')
      await showRotation({ choice: targetOf(target), watch, output })
    })
  addEpilogue(command, {
    examples: [
      ['weft identity status', 'of the cluster that kubectl talks to'],
      ['weft identity status --watch -o json', 'one line a change, for a program'],
    ],
    statuses: { 0: 'told', 2: 'the control plane cannot be asked, or never said' },
  })
}

interface StatusOptions extends TargetOptions {
  readonly watch?: boolean
  readonly output: Output
}
