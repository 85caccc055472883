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
        'what the registry file says.',
    )
    .argument('<SRC>', 'a workload’s name, namespace/name or IP address')
    .argument('<DST:PORT>', 'a service or a workload by name, namespace/name, hostname or IP address')
    .addOption(
      new Option('--registry <FILE>', 'the file that the control plane watches')
        .env('WEFT_REGISTRY')
        .default(defaultFile),
    )
    .addOption(outputOption())
    .action(async (source: string, destination: string, { registry, output }: Options) => {
      const { explainFile } = await import('../explain/explain-file.ts')
      // A variable that is set to nothing is not set, as for the components.
      process.exitCode = await explainFile({ file: registry || defaultFile, source, destination, output })
    })
  addEpilogue(command, {
    text: `
A name means what it means to SRC: its own namespace comes before others, and a
service before a workload; what else has the name is told. What a pod excludes
from redirection for itself is not in the registry, and not known here.`,
    examples: [
      ['weft explain frontend-1 backend:80', 'a service by name'],
      ['weft explain shop/frontend-1 backend.shop.svc:80', 'its hostname'],
      ['weft explain frontend-1 10.77.0.21:8080', 'one pod of it'],
      ['weft explain 192.0.2.7 [fd00::21]:8080', 'from outside, to an IPv6 address'],
      ['weft explain frontend-1 backend:80 -o json', 'for a program'],
    ],
    statuses: {
      0: 'it may connect',
      1: 'it may not, or not to every endpoint',
      2: 'a bad command line or registry file',
    },
  })
}

interface Options {
  readonly registry: string
  readonly output: Output
}
