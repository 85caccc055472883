import { type Command, Option } from 'commander'
import { addEnvironmentFlags, type EnvironmentFlag, environmentOf } from '../environment-flags.ts'
import { addEpilogue } from '../epilogue.ts'

export const redirectFlags: readonly EnvironmentFlag[] = [
  [
    '--exclude-inbound-ports <PORTS>',
    'WEFT_EXCLUDE_INBOUND_PORTS',
    'that go straight to the application, e.g. 9100,9200',
  ],
  [
    '--exclude-outbound-ports <PORTS>',
    'WEFT_EXCLUDE_OUTBOUND_PORTS',
    'of others that are dialled without the sidecar, e.g. 25,587',
  ],
  [
    '--exclude-outbound-cidrs <RANGES>',
    'WEFT_EXCLUDE_OUTBOUND_CIDRS',
    'addresses of others that are dialled without the sidecar, e.g. 192.0.2.0/24',
  ],
]

export function addRedirect(program: Command): void {
  const command = program
    .command('redirect')
    .summary('send this network namespace’s connections to its sidecar')
    .description(
      'Redirects the TCP connections of this network namespace to the sidecar, with iptables. It runs once in each pod, ' +
        'as root, before anything else starts there; running it again changes nothing. A flag wins over its ' +
        'environment variable.',
    )
    .addOption(new Option('--print', 'write the rules and change nothing').conflicts('cleanup'))
    .option('--cleanup', 'remove the rules')
  addEnvironmentFlags(command, redirectFlags).action(async ({ print, cleanup }: Actions) => {
    const { run } = await import('../../sidecar/redirection/main.ts')
    const argv = print ? ['--print'] : cleanup ? ['--cleanup'] : []
    process.exitCode = await run(argv, environmentOf(command))
  })
  addEpilogue(command, {
    examples: [
      ['weft redirect --print --exclude-outbound-ports 3306', 'what would be applied'],
      ['ip netns exec my-pod weft redirect', 'in another network namespace'],
      ['ip netns exec my-pod weft redirect --cleanup', 'and away again'],
    ],
    statuses: { 0: 'done', 1: 'the kernel or the machine refused', 2: 'a bad setting or flag' },
  })
}

interface Actions {
  readonly print?: boolean
  readonly cleanup?: boolean
}
