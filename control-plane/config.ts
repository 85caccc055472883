import { hostname } from 'node:os'
import { Environment, parseDuration } from '#runtime/env.ts'
import { type Listen, listenOn } from '#runtime/listen.ts'
import { type LogLevel, logLevels } from '#runtime/log.ts'
import type { CaFiles } from './authority/plugged/file-source.ts'

export interface ControlPlaneConfig {
  readonly registry: RegistryConfig
  readonly listen: Listen
  readonly metricsListen: Listen
  /** Milliseconds that a workload's certificate is good for. */
  readonly certificateLifetime: number
  /** The control plane's own namespace: part of the names on its certificate. */
  readonly namespace: string
  /** Refuse a token that comes from another address than its pod's. */
  readonly checkTokenAddress: boolean
  readonly rotation: RotationConfig
  readonly logLevel: LogLevel
}

/** How the root is rotated, in milliseconds. */
export interface RotationConfig {
  /** Least time of a phase, in which mounted files reach the pods that start. */
  readonly dwell: number
  /** After so long it goes on without pods that cannot be reached. */
  readonly limit: number
  /** After so long the old root goes, whatever is still connected under it. */
  readonly grace: number
}

export type RegistryConfig =
  | {
      readonly kind: 'file'
      /** The YAML file that holds the registry. */
      readonly file: string
      /** Where keys, the trust bundle and tokens are kept. */
      readonly stateDir: string
      /** A certificate authority of somebody's own, in place of one that is made here. */
      readonly ca?: CaFiles | undefined
    }
  | {
      readonly kind: 'kubernetes'
      /** The name of the pod that this is, which the Lease shows. */
      readonly podName: string
      /** The Secret of a certificate authority of somebody's own, in place of one that is made here. */
      readonly caSecret?: string | undefined
    }

const day = 86_400_000

export const defaultRotation: RotationConfig = { dwell: 120_000, limit: 3_600_000, grace: 7 * day }

/** Reads the environment. Throws EnvironmentError with every problem. */
export function readConfig(variables: Readonly<Record<string, string | undefined>>): ControlPlaneConfig {
  const env = new Environment(variables)
  const config: ControlPlaneConfig = {
    registry: readRegistry(env),
    listen: listenOn(env.address('WEFT_LISTEN', { default: '0.0.0.0:15012' })),
    metricsListen: listenOn(env.address('WEFT_METRICS_LISTEN', { default: '127.0.0.1:15014' })),
    certificateLifetime: env.parsed(
      'WEFT_CERTIFICATE_LIFETIME',
      parseLifetime,
      'a duration from 10s to 8760h',
      {
        default: day,
        empty: day,
      },
    ),
    namespace: env.string('WEFT_NAMESPACE', { default: 'weft-system' }),
    // Off only where the network hides the addresses of pods from the control plane.
    checkTokenAddress:
      env.oneOf('WEFT_CHECK_TOKEN_ADDRESS', ['true', 'false'], { default: 'true' }) === 'true',
    rotation: {
      dwell: env.duration('WEFT_ROTATION_DWELL', { default: defaultRotation.dwell }),
      limit: env.duration('WEFT_ROTATION_LIMIT', { default: defaultRotation.limit }),
      grace: env.duration('WEFT_ROTATION_GRACE', { default: defaultRotation.grace }),
    },
    logLevel: env.oneOf('WEFT_LOG_LEVEL', logLevels, { default: 'info' }),
  }
  env.done()
  return config
}

function readRegistry(env: Environment): RegistryConfig {
  const written = env.parsed('WEFT_REGISTRY', String, 'the path of the registry file, or kubernetes', {
    empty: '',
  })
  if (written === 'kubernetes') {
    const podName = env.string('WEFT_POD_NAME', { default: hostname() })
    return { kind: 'kubernetes', podName, caSecret: env.optional('WEFT_CA_SECRET') }
  }
  const stateDir = env.parsed('WEFT_STATE_DIR', String, 'the folder for keys and tokens', { empty: '' })
  return { kind: 'file', file: written, stateDir, ca: readCa(env) }
}

function readCa(env: Environment): CaFiles | undefined {
  const passwordFile = env.optional('WEFT_CA_PASSWORD_FILE')
  if (passwordFile === undefined && env.optional('WEFT_CA_FILE') === undefined) return undefined
  const file = env.parsed('WEFT_CA_FILE', String, 'the path of a PEM or PKCS #12 file', { empty: '' })
  return { file, passwordFile }
}

function parseLifetime(text: string): number | undefined {
  const milliseconds = parseDuration(text)
  return milliseconds !== undefined && milliseconds >= 10_000 && milliseconds <= 365 * day
    ? milliseconds
    : undefined
}
