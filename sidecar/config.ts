import { type IpAddress, parseIp } from '#mesh/address.ts'
import { type ProbeTable, parseProbeTable } from '#mesh/probes.ts'
import { type SpiffeId, spiffeId } from '#mesh/spiffe-id.ts'
import { Environment, type HostPort } from '#runtime/env.ts'
import { type LogLevel, logLevels } from '#runtime/log.ts'
import { type Limits, readLimits } from './limits.ts'

/** What the injector (or, on one machine, the operator) tells a sidecar about its pod. */
export interface Config {
  readonly podName: string
  readonly identity: SpiffeId
  readonly podIps: readonly IpAddress[]
  readonly clusterId: string
  readonly controlPlane: HostPort
  /** The DNS name that the control plane's certificate must carry. */
  readonly controlPlaneName: string
  /** PEM file with the roots that the control plane is trusted by; read again on every dial. */
  readonly trustBundle: string
  /** File with the bearer token; read again for every call. */
  readonly token: string
  readonly logLevel: LogLevel
  /** Milliseconds from SIGTERM until live connections are cut. */
  readonly drainDeadline: number
  /** Milliseconds over which the sidecars of a mesh spread the renewals that another root makes due. */
  readonly renewalSpread: number
  /** The application's probes and hooks that come through the sidecar. */
  readonly probes: ProbeTable | undefined
  readonly limits: Limits
}

/** Reads the environment; throws EnvironmentError with every problem. */
export function readConfig(variables: NodeJS.ProcessEnv): Config {
  const env = new Environment(variables)
  // Each part is checked beside two that are certainly good, so that the problem names the variable at fault.
  const isNamespace = (text: string) => (spiffeId('a', text, 'a') ? text : undefined)
  const isServiceAccount = (text: string) => (spiffeId('a', 'a', text) ? text : undefined)
  const isTrustDomain = (text: string) => (spiffeId(text, 'a', 'a') ? text : undefined)
  const namespace = env.parsed('WEFT_POD_NAMESPACE', isNamespace, 'the pod’s namespace', { empty: '' })
  const serviceAccount = env.parsed('WEFT_SERVICE_ACCOUNT', isServiceAccount, 'a service account’s name', {
    default: 'default',
    empty: '',
  })
  const trustDomain = env.parsed('WEFT_TRUST_DOMAIN', isTrustDomain, 'a trust domain such as cluster.local', {
    default: 'cluster.local',
    empty: '',
  })
  const config = {
    podName: env.string('WEFT_POD_NAME'),
    podIps: env.list('WEFT_POD_IPS', parseIp, 'the pod’s IP addresses'),
    identity: spiffeId(trustDomain, namespace, serviceAccount),
    clusterId: env.string('WEFT_CLUSTER_ID', { default: 'Kubernetes' }),
    controlPlane: env.address('WEFT_CONTROL_PLANE', { default: 'weft-control-plane.weft-system.svc:15012' }),
    controlPlaneName: env.string('WEFT_CONTROL_PLANE_NAME', {
      default: 'weft-control-plane.weft-system.svc',
    }),
    trustBundle: env.string('WEFT_TRUST_BUNDLE', { default: '/var/run/weft/trust/bundle.pem' }),
    token: env.string('WEFT_TOKEN', { default: '/var/run/weft/token/token' }),
    logLevel: env.oneOf('WEFT_LOG_LEVEL', logLevels, { default: 'info' }),
    drainDeadline: env.duration('WEFT_DRAIN_DEADLINE', { default: 25_000 }),
    renewalSpread: env.duration('WEFT_RENEWAL_SPREAD', { default: 300_000 }),
    probes: readProbes(env),
    limits: readLimits(env),
  }
  env.done()
  return config as Config
}

function readProbes(env: Environment): ProbeTable | undefined {
  if (env.optional('WEFT_PROBES') === undefined) return undefined
  return env.parsed('WEFT_PROBES', parseProbeTable, 'what the injector wrote there', {
    empty: { nonce: '', containers: {} },
  })
}

/** The name of this pod's own Workload resource. */
export function ownUid({ clusterId, identity, podName }: Config): string {
  return `${clusterId}//Pod/${identity.namespace}/${podName}`
}
