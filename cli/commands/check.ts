import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .summary('is the cluster fit for weft, and is weft well')
    .description(
      'Asks the cluster for everything that a mesh stands or falls with, and says of each failure what to do. It ' +
        'changes nothing: the pod that it creates for trial is a dry run.',
    )
    .option('--pre', 'only what must hold before weft is installed')
    .addOption(contextOption())
    .addOption(new Option('-n, --namespace <NAMESPACE>', 'of the control plane').default('weft-system'))
    .addOption(outputOption())
    .action(async ({ pre = false, context, namespace, output }: Options) => {
      const { check } = await import('../check/check.ts')
      process.exitCode = await check({ pre, context, namespace, output })
    })
  addEpilogue(command, {
    examples: [
      ['weft check --pre', 'before the installation'],
      ['weft check', 'after it, and on a bad day'],
      ['weft check --context staging -o json', 'for a program'],
    ],
    statuses: {
      0: 'everything is in order; there may be warnings',
      1: 'there are problems, or things that could not be seen',
      2: 'a bad command line, or no cluster that answers',
    },
  })
}

export function contextOption(): Option {
  return new Option('--context <NAME>', 'of the kubeconfig; its current one by default')
}

interface Options {
  readonly pre?: boolean
  readonly context?: string
  readonly namespace: string
  readonly output: Output
}
