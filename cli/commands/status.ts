import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'
import { contextOption } from './check.ts'

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('the mesh at a glance: components, certificates, namespaces, policies')
    .description(
      'Tells which replicas run, how long the certificates live, how many pods of each namespace are meshed, and ' +
        'which policies are in force on how many workloads.',
    )
    .addOption(contextOption())
    .addOption(new Option('-n, --namespace <NAMESPACE>', 'of the control plane').default('weft-system'))
    .addOption(outputOption())
    .action(async ({ context, namespace, output }: Options) => {
      const { status } = await import('../status/status.ts')
      process.exitCode = await status({ context, namespace, output })
    })
  addEpilogue(command, {
    examples: [
      ['weft status', 'of the cluster that kubectl talks to'],
      ['weft status -o json', 'for a program'],
    ],
    statuses: {
      0: 'told, and every component has a replica that is ready',
      1: 'told, and one has none',
      2: 'a bad command line, or no cluster that answers',
    },
  })
}

interface Options {
  readonly context?: string
  readonly namespace: string
  readonly output: Output
}
