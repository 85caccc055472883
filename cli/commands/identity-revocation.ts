import type { Command } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'
import { type TargetOptions, targetOf, withTarget } from './identity.ts'

/** Cuts one pod off. */
export function addRevoke(identity: Command): void {
  const command = withTarget(identity.command('revoke'))
    .summary('take a pod’s certificates back')
    .description(
      'Takes back every certificate that a pod was given: its connections are cut at both ends, and it gets no other ' +
        'certificate and no configuration. Other pods of its service account are left alone.',
    )
    .argument('<POD>', 'its name, or NAMESPACE/NAME')
    .option('-n, --namespace <NAMESPACE>', 'of the pod; default without it')
    .option('--uid <UID>', 'of a pod that is gone, whose key may still be about')
    .option('--reason <TEXT>', 'kept with the request, for people')
    .option('--undo', 'let it have certificates again, and believe those that it has')
    .option('--timeout <TIME>', 'how long to wait until it is in force', '30s')
    .addOption(outputOption())
    .action(async (pod: string, options: RevokeOptions) => {
      const { revoke } = await import('../identity/revoke.ts')
      const { undo = false, namespace, uid, reason, timeout, output } = options
      const choice = targetOf(options)
      process.exitCode = await revoke({ pod, namespace, uid, reason, undo, timeout, output, choice })
    })
  addEpilogue(command, {
    text: `
The pod itself runs on, and plaintext that its policy permits goes on as well:
delete it when it has been looked at. On one machine a pod of the same name,
service account and addresses is the same pod, and stays revoked. To cut off all
pods of a service account, write an AuthorizationPolicy with action: Deny.`,
    examples: [
      ['weft identity revoke frontend-1 -n shop --reason stolen', 'cut one pod off'],
      ['weft identity revoke shop/frontend-1 --undo', 'and let it in again'],
      ['weft identity revoke frontend-1 --state-dir /var/lib/weft', 'on one machine'],
    ],
    statuses: {
      0: 'in force',
      1: 'asked for, but not seen in force in time; or there is no such pod',
      2: 'it cannot be asked for, or not be seen whether it is in force',
    },
  })
}

interface RevokeOptions extends TargetOptions {
  readonly namespace?: string
  readonly uid?: string
  readonly reason?: string
  readonly undo?: boolean
  readonly timeout: string
  readonly output: Output
}
