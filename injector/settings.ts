import type { Environment, HostPort } from '#runtime/env.ts'
import { type LogLevel, logLevels } from '#runtime/log.ts'
import packageJson from '../package.json' with { type: 'json' }
import type { Resources } from './decide/options.ts'
import { parseQuantity } from './decide/quantity.ts'

/** What is the same for every pod that is injected. */
export interface Settings {
  readonly images: { readonly sidecar: string; readonly init: string }
  readonly imagePullPolicy: PullPolicy
  /** The mesh's own namespace, whose pods are never injected. */
  readonly namespace: string
  /** What sidecars dial. */
  readonly controlPlane: HostPort
  /** The DNS name that the control plane's certificate must carry. */
  readonly controlPlaneName: string
  readonly trustDomain: string
  readonly clusterId: string
  /** Of a sidecar, unless its pod says otherwise. */
  readonly resources: Resources
  readonly logLevel: LogLevel
}

export const pullPolicies = ['IfNotPresent', 'Always', 'Never'] as const
export type PullPolicy = (typeof pullPolicies)[number]

/** Reads the settings; problems are told by the environment's `done`. */
export function readSettings(env: Environment): Settings {
  const namespace = env.string('WEFT_NAMESPACE', { default: 'weft-system' })
  const controlPlaneName = env.string('WEFT_CONTROL_PLANE_NAME', {
    default: `weft-control-plane.${namespace}.svc`,
  })
  const version = packageJson.version
  return {
    images: {
      sidecar: env.string('WEFT_SIDECAR_IMAGE', { default: `weft/sidecar:${version}` }),
      init: env.string('WEFT_INIT_IMAGE', { default: `weft/init:${version}` }),
    },
    imagePullPolicy: env.oneOf('WEFT_IMAGE_PULL_POLICY', pullPolicies, { default: 'IfNotPresent' }),
    namespace,
    controlPlane: env.address('WEFT_CONTROL_PLANE', { default: `${controlPlaneName}:15012` }),
    controlPlaneName,
    trustDomain: env.string('WEFT_TRUST_DOMAIN', { default: 'cluster.local' }),
    clusterId: env.string('WEFT_CLUSTER_ID', { default: 'Kubernetes' }),
    resources: readResources(env),
    logLevel: env.oneOf('WEFT_PROXY_LOG_LEVEL', logLevels, { default: 'info' }),
  }
}

function readResources(env: Environment): Resources {
  const cpuLimit = quantity(env, 'WEFT_PROXY_CPU_LIMIT')
  const memoryLimit = quantity(env, 'WEFT_PROXY_MEMORY_LIMIT', '512Mi')
  return {
    cpuRequest: request(env, 'WEFT_PROXY_CPU_REQUEST', '10m', {
      name: 'WEFT_PROXY_CPU_LIMIT',
      limit: cpuLimit,
    }),
    cpuLimit,
    memoryRequest: request(env, 'WEFT_PROXY_MEMORY_REQUEST', '96Mi', {
      name: 'WEFT_PROXY_MEMORY_LIMIT',
      limit: memoryLimit,
    }),
    memoryLimit,
  }
}

const example = 'a quantity such as 100m or 128Mi'

/** Undefined leaves the resource out: a sidecar's processor time is not limited by default. */
function quantity(env: Environment, name: string, fallback?: string): string | undefined {
  if (fallback === undefined && env.optional(name) === undefined) return undefined
  const parse = (text: string) => (parseQuantity(text) === undefined ? undefined : text)
  return env.parsed(name, parse, example, { default: fallback, empty: '' })
}

/** The API server refuses every pod with a request over its limit, and would be the first to say so. */
function request(
  env: Environment,
  name: string,
  fallback: string,
  { name: limitName, limit }: { readonly name: string; readonly limit: string | undefined },
): string {
  // A limit that cannot be read is told of already.
  const most = limit === undefined ? undefined : parseQuantity(limit)
  const fits = (text: string): boolean => {
    const amount = parseQuantity(text)
    return amount !== undefined && (most === undefined || amount <= most)
  }
  const expected = most === undefined ? example : `${example}, at most the ${limit} of ${limitName}`
  return env.parsed(name, (text) => (fits(text) ? text : undefined), expected, {
    default: fits(fallback) ? fallback : limit,
    empty: '',
  })
}
