import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'
import { contextOption } from './check.ts'
import { podOption } from './proxy.ts'

const defaultFile = 'mesh.yaml'

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .summary('whether SRC may connect to DST, by which policy, and what would change that')
    .description(
      'Tells whether SRC may connect to DST on PORT: the route, whether it is mutual TLS, the policy and rule that ' +
        'decide, and what would change the answer. It decides with the functions that the sidecars enforce with, on ' +
        'what a registry file or a Kubernetes cluster says, or, with --admin, --netns or --pod, on what a running sidecar ' +
        'holds right now. Without a word it takes the file mesh.yaml, and where there is none the kubeconfig’s cluster.',
    )
    .argument('<SRC>', 'a workload’s name, namespace/name, deploy/name or IP address')
    .argument('<DST:PORT>', 'a service or a workload: name, namespace/name, svc/name, hostname or IP address')
    .addOption(
      new Option('--registry <FILE>', 'the file that the control plane watches')
        .env('WEFT_REGISTRY')
        .default(defaultFile),
    )
    .option(
      '--cluster',
      'ask the cluster of the kubeconfig’s current context; the default where there is no file',
    )
    .addOption(contextOption())
    .option(
      '-n, --namespace <NAMESPACE>',
      'where names are looked up that say none; the context’s by default',
    )
    .addOption(
      new Option('--mesh-namespace <NAMESPACE>', 'of the cluster’s control plane').default('weft-system'),
    )
    .option('--admin <URL>', 'ask a running sidecar at its admin endpoint, e.g. http://127.0.0.1:15000')
    .option('--netns <NAME>', 'ask the sidecar in this network namespace, as ip netns list names it')
    .addOption(podOption())
    .option('--verify', 'on a cluster, ask the sidecars of the endpoints too, and answer as they decide')
    .addOption(outputOption())
    .action(async (source: string, destination: string, options: Options) => {
      const { admin, netns, pod, context, namespace, verify = false, output } = options
      const question = { source, destination, namespace, output }
      if (admin !== undefined || netns !== undefined || pod !== undefined) {
        const { explainSidecar } = await import('../explain/explain-sidecar.ts')
        const url = admin ?? 'http://127.0.0.1:15000'
        process.exitCode = await explainSidecar({ ...question, admin: url, netns, pod, context })
        return
      }
      const { chooseTruth } = await import('../explain/choose-truth.ts')
      const registryFrom = command.getOptionValueSource('registry')
      const truth = chooseTruth({ ...options, registryFrom, defaultFile })
      if (truth.kind === 'cluster') {
        const { meshNamespace } = options
        const { unasked } = truth
        const { explainCluster } = await import('../explain/explain-cluster.ts')
        process.exitCode = await explainCluster({ ...question, context, meshNamespace, unasked, verify })
        return
      }
      const { explainFile } = await import('../explain/explain-file.ts')
      process.exitCode = await explainFile({ ...question, file: truth.file })
    })
  addEpilogue(command, {
    text: `
A name means what it means to SRC: its own namespace comes before others, and a
service before a workload; what else has the name is told. A Deployment stands
for its pods: the first that is ready is taken, and told when others differ. What
a pod excludes from redirection is known of a cluster only. A sidecar knows the
policies of its own pod: ask the one where the connection arrives.`,
    examples: [
      ['weft explain frontend-1 backend:80', 'a service by name'],
      ['weft explain shop/frontend-1 backend.shop.svc:80', 'its hostname'],
      ['weft explain frontend-1 10.77.0.21:8080', 'one pod of it'],
      ['weft explain 192.0.2.7 [fd00::21]:8080', 'from outside, to an IPv6 address'],
      ['weft explain frontend-1 backend:80 -o json', 'for a program'],
      ['weft explain deploy/frontend backend:80 -n shop', 'in the cluster that kubectl talks to'],
      ['weft explain deploy/frontend backend:80 --verify', 'there, as the sidecars decide right now'],
      ['weft explain frontend-1 backend:80 --netns backend-1', 'as its sidecar decides right now'],
    ],
    statuses: {
      0: 'it may connect',
      1: 'it may not, or not to every endpoint',
      2: 'a bad command line or registry file, or a question that cannot be answered from there',
    },
  })
}

interface Options {
  readonly registry: string
  readonly cluster?: boolean
  readonly context?: string
  readonly namespace?: string
  readonly meshNamespace: string
  readonly admin?: string
  readonly netns?: string
  readonly pod?: string
  readonly verify?: boolean
  readonly output: Output
}
