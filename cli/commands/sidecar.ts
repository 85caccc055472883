import type { Command } from 'commander'
import { addEnvironmentFlags, type EnvironmentFlag, environmentOf } from '../environment-flags.ts'
import { addEpilogue } from '../epilogue.ts'

export const sidecarFlags: readonly EnvironmentFlag[] = [
  ['--pod-name <NAME>', 'WEFT_POD_NAME', 'the pod that it serves'],
  ['--pod-namespace <NAME>', 'WEFT_POD_NAMESPACE', 'the pod’s namespace'],
  ['--service-account <NAME>', 'WEFT_SERVICE_ACCOUNT', 'the pod’s service account; default by default'],
  ['--pod-ips <IP,IP>', 'WEFT_POD_IPS', 'the pod’s addresses'],
  ['--trust-domain <NAME>', 'WEFT_TRUST_DOMAIN', 'cluster.local by default'],
  [
    '--control-plane <HOST:PORT>',
    'WEFT_CONTROL_PLANE',
    'weft-control-plane.weft-system.svc:15012 by default',
  ],
  ['--control-plane-name <NAME>', 'WEFT_CONTROL_PLANE_NAME', 'the DNS name that its certificate must carry'],
  ['--trust-bundle <FILE>', 'WEFT_TRUST_BUNDLE', 'PEM file with the roots that it trusts'],
  ['--token <FILE>', 'WEFT_TOKEN', 'file with the pod’s bearer token'],
  ['--cluster-id <NAME>', 'WEFT_CLUSTER_ID', 'Kubernetes by default'],
  ['--log-level <LEVEL>', 'WEFT_LOG_LEVEL', 'debug, info, warn or error; info by default'],
  ['--drain-deadline <TIME>', 'WEFT_DRAIN_DEADLINE', 'from SIGTERM until it cuts, e.g. 10s; 25s by default'],
  [
    '--renewal-spread <TIME>',
    'WEFT_RENEWAL_SPREAD',
    'over which a mesh spreads the renewals that a new root makes due; 5m by default',
  ],
  ['--probes <JSON>', 'WEFT_PROBES', 'the application’s probes, as the injector writes them'],
  ['--buffer-budget <SIZE>', 'WEFT_BUFFER_BUDGET', 'for what slow readers have not taken; 32Mi by default'],
  [
    '--max-outbound-connections <N>',
    'WEFT_MAX_OUTBOUND_CONNECTIONS',
    'of its applications; 16384 by default',
  ],
  ['--max-inbound-connections <N>', 'WEFT_MAX_INBOUND_CONNECTIONS', 'to its applications; 16384 by default'],
  ['--max-inbound-tunnels <N>', 'WEFT_MAX_INBOUND_TUNNELS', 'that peers hold open; 2048 by default'],
  ['--max-handshakes <N>', 'WEFT_MAX_HANDSHAKES', 'under way at once; 1024 by default'],
  ['--peer-resets <N>', 'WEFT_PEER_RESETS_PER_SECOND', 'streams a peer may reset a second; 1000 by default'],
  ['--peer-pending-dials <N>', 'WEFT_PEER_PENDING_DIALS', 'a peer may have waiting; 4096 by default'],
]

export function addSidecar(program: Command): void {
  const command = program
    .command('sidecar')
    .summary('carry this network namespace’s connections over mutual TLS')
    .description(
      'Runs the sidecar of one pod until SIGTERM, in the pod’s network namespace and as uid 1337, after weft redirect ' +
        'has run there. A flag wins over its environment variable.',
    )
  addEnvironmentFlags(command, sidecarFlags).action(async () => {
    const { run } = await import('../../sidecar/main.ts')
    process.exitCode = await run(environmentOf(command))
  })
  addEpilogue(command, {
    examples: [
      ['weft sidecar', 'all settings from the environment'],
      ['weft sidecar --control-plane 10.77.0.2:15012', 'the rest from the environment'],
    ],
    statuses: { 0: 'told to end, and drained', 1: 'it could not run; the log says why' },
  })
}
