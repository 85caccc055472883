import { type Command, Option } from 'commander'
import { addEpilogue } from '../epilogue.ts'
import { type Output, outputOption } from '../output.ts'

const defaultFile = 'mesh.yaml'

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .summary('whether SRC may connect to DST, by which policy, and what would change that')
    .description(
      'Tells whether SRC may connect to DST on PORT: the route, whether it is mutual TLS, the policy and rule that ' +
        'decide, and what would change the answer. It decides with the functions that the sidecars enforce with, on ' +
        'what the registry file says, or, with --admin or --netns, on what a running sidecar holds right now.',
    )
    .argument('<SRC>', 'a workload’s name, namespace/name or IP address')
    .argument('<DST:PORT>', 'a service or a workload by name, namespace/name, hostname or IP address')
    .addOption(
      new Option('--registry <FILE>', 'the file that the control plane watches')
        .env('WEFT_REGISTRY')
        .default(defaultFile),
    )
    .option('--admin <URL>', 'ask a running sidecar at its admin endpoint, e.g. http://127.0.0.1:15000')
    .option('--netns <NAME>', 'ask the sidecar in this network namespace, as ip netns list names it')
    .addOption(outputOption())
    .action(async (source: string, destination: string, options: Options) => {
      const { registry, admin, netns, output } = options
      if (admin !== undefined || netns !== undefined) {
        const { explainSidecar } = await import('../explain/explain-sidecar.ts')
        const url = admin ?? 'http://127.0.0.1:15000'
        process.exitCode = await explainSidecar({ admin: url, netns, source, destination, output })
        return
      }
      const { explainFile } = await import('../explain/explain-file.ts')
      // A variable that is set to nothing is not set, as for the components.
      process.exitCode = await explainFile({ file: registry || defaultFile, source, destination, output })
    })
  addEpilogue(command, {
    text: `
A name means what it means to SRC: its own namespace comes before others, and a
service before a workload; what else has the name is told. What a pod excludes
from redirection for itself is not in the registry, and not known here. A sidecar
knows the policies of its own pod: ask the one where the connection arrives.`,
    examples: [
      ['weft explain frontend-1 backend:80', 'a service by name'],
      ['weft explain shop/frontend-1 backend.shop.svc:80', 'its hostname'],
      ['weft explain frontend-1 10.77.0.21:8080', 'one pod of it'],
      ['weft explain 192.0.2.7 [fd00::21]:8080', 'from outside, to an IPv6 address'],
      ['weft explain frontend-1 backend:80 -o json', 'for a program'],
      ['weft explain frontend-1 backend:80 --netns backend-1', 'as its sidecar decides right now'],
    ],
    statuses: {
      0: 'it may connect',
      1: 'it may not, or not to every endpoint',
      2: 'a bad command line or registry file, or a question that the sidecar cannot answer',
    },
  })
}

interface Options {
  readonly registry: string
  readonly admin?: string
  readonly netns?: string
  readonly output: Output
}
