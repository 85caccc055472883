import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'

export function addInstall(program: Command): void {
  const command = program
    .command('install')
    .summary('print what a cluster needs to have weft, for kubectl apply')
    .description(
      'Prints the Helm chart of this version, rendered: the resource definitions, the control plane, the injector, ' +
        'their permissions, and last the webhook. Nothing is sent anywhere; pipe it to kubectl apply.',
    )
    .addOption(namespaceOption())
    .option('--values <FILE>', 'a file with values, over the chart’s own; may be repeated', collect, [])
    .option('--set <KEY=VALUE>', 'one value, over the files; may be repeated', collect, [])
    .option('--image-registry <REGISTRY>', 'where the images are pulled from, e.g. registry.example/team')
    .action(async ({ namespace, values, set, imageRegistry }: Options) => {
      const { installation, textOf } = await import('../install/install.ts')
      process.stdout.write(textOf(installation({ namespace, files: values, sets: set, imageRegistry })))
    })
  addEpilogue(command, {
    examples: [
      ['weft install | kubectl apply -f -', 'one replica of each component'],
      ['weft install --values chart/values-ha.yaml | kubectl apply -f -', 'for a cluster that matters'],
      ['weft install --set mesh.egress=registry-only', 'see chart/values.yaml'],
    ],
    statuses: { 0: 'printed', 2: 'a value that the chart does not take' },
  })
}

export function addUninstall(program: Command): void {
  const command = program
    .command('uninstall')
    .summary('print what weft install applied, for kubectl delete')
    .description(
      'Prints what is to be deleted, the webhook first, so that nothing waits for an injector that is gone. The ' +
        'resource definitions stay unless --all is given: with them go all policies of the cluster.',
    )
    .addOption(namespaceOption())
    .option('--all', 'also the resource definitions, every policy with them, and the namespace')
    .action(async ({ namespace, all = false }: { namespace: string; all?: boolean }) => {
      const { uninstallation } = await import('../install/uninstall.ts')
      process.stdout.write(uninstallation({ namespace, all }))
    })
  addEpilogue(command, {
    text: `
Pods keep their sidecars until they are made anew: unlabel the namespaces and
restart what runs there first. A sidecar without its control plane carries on
until its certificate ends.

It deletes whatever the values can have installed, but for PodMonitors, which
kubectl cannot name where the Prometheus operator is not:
  kubectl -n weft-system delete podmonitor weft weft-proxy`,
    examples: [
      ['weft uninstall | kubectl delete --ignore-not-found -f -', 'policies stay'],
      ['weft uninstall --all | kubectl delete --ignore-not-found -f -', 'nothing stays'],
    ],
    statuses: { 0: 'printed', 2: 'a bad command line' },
  })
}

interface Options {
  readonly namespace: string
  readonly values: readonly string[]
  readonly set: readonly string[]
  readonly imageRegistry?: string
}

function namespaceOption(): Option {
  return new Option('-n, --namespace <NAMESPACE>', 'of the control plane').default('weft-system')
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}
