import type { Command } from 'commander'
import { addEnvironmentFlags, type EnvironmentFlag, environmentOf } from '../environment-flags.ts'
import { addEpilogue } from '../epilogue.ts'

export const controlPlaneFlags: readonly EnvironmentFlag[] = [
  ['--registry <FILE>', 'WEFT_REGISTRY', 'the YAML file with workloads, services and policies; watched'],
  ['--state-dir <DIR>', 'WEFT_STATE_DIR', 'where keys, the trust bundle and tokens are kept'],
  ['--listen <HOST:PORT>', 'WEFT_LISTEN', 'where sidecars connect; 0.0.0.0:15012 by default'],
  ['--metrics-listen <HOST:PORT>', 'WEFT_METRICS_LISTEN', 'metrics; 127.0.0.1:15014 by default'],
  ['--certificate-lifetime <TIME>', 'WEFT_CERTIFICATE_LIFETIME', 'of a workload, e.g. 30m; 24h by default'],
  ['--namespace <NAME>', 'WEFT_NAMESPACE', 'its own namespace; weft-system by default'],
  [
    '--check-token-address <BOOLEAN>',
    'WEFT_CHECK_TOKEN_ADDRESS',
    'refuse a token that comes from another address than its pod’s; true by default',
  ],
  [
    '--ca-file <FILE>',
    'WEFT_CA_FILE',
    'a certificate authority of yours to sign with, PEM or PKCS #12; watched',
  ],
  ['--ca-password-file <FILE>', 'WEFT_CA_PASSWORD_FILE', 'holds the password of --ca-file'],
  [
    '--rotation-dwell <TIME>',
    'WEFT_ROTATION_DWELL',
    'least time of a phase of a root’s rotation; 2m by default',
  ],
  [
    '--rotation-limit <TIME>',
    'WEFT_ROTATION_LIMIT',
    'after which it goes on without pods that cannot be reached; 1h by default',
  ],
  [
    '--rotation-grace <TIME>',
    'WEFT_ROTATION_GRACE',
    'after which the old root goes with what is connected under it; 168h by default',
  ],
  ['--log-level <LEVEL>', 'WEFT_LOG_LEVEL', 'debug, info, warn or error; info by default'],
]

export function addControlPlane(program: Command): void {
  const command = program
    .command('control-plane')
    .summary('issue certificates, and push endpoints and policies to sidecars')
    .description(
      'Runs the control plane until SIGTERM: it watches the registry file, pushes what is there to every sidecar, ' +
        'and issues their certificates. A flag wins over its environment variable.',
    )
  addEnvironmentFlags(command, controlPlaneFlags).action(async () => {
    const { run } = await import('../../control-plane/main.ts')
    process.exitCode = await run(environmentOf(command))
  })
  addEpilogue(command, {
    examples: [
      ['weft control-plane --registry mesh.yaml --state-dir /var/lib/weft', 'on one machine'],
      ['weft control-plane --certificate-lifetime 10m', 'the rest from the environment'],
    ],
    statuses: { 0: 'told to end', 1: 'it could not go on; the log says why', 2: 'a bad setting' },
  })
}
