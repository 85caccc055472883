import { Environment } from '#runtime/env.ts'
import { type Listen, listenOn } from '#runtime/listen.ts'
import { type LogLevel, logLevels } from '#runtime/log.ts'
import { readSettings, type Settings } from './settings.ts'

export interface InjectorConfig {
  readonly settings: Settings
  readonly listen: Listen
  readonly metricsListen: Listen
  /** The DNS name that the API server calls the webhook by. */
  readonly dnsName: string
  /** PEM file with the roots that the control plane is trusted by; read again on every dial. */
  readonly trustBundle: string
  /** File with the bearer token; read again for every call. */
  readonly token: string
  /** Namespaces whose pods the webhook is never asked about, whatever their labels say; its own is one as well. */
  readonly excludedNamespaces: readonly string[]
  /** Milliseconds between looks for pods that should be meshed and are not. */
  readonly reconcileInterval: number
  /** Milliseconds from SIGTERM until the webhook is closed: as long as API servers may still dial it. */
  readonly drainDelay: number
  readonly logLevel: LogLevel
}

/** Reads the environment. Throws EnvironmentError with every problem. */
export function readConfig(variables: Readonly<Record<string, string | undefined>>): InjectorConfig {
  const env = new Environment(variables)
  const settings = readSettings(env)
  const config: InjectorConfig = {
    settings,
    listen: listenOn(env.address('WEFT_LISTEN', { default: '[::]:15017' })),
    metricsListen: listenOn(env.address('WEFT_METRICS_LISTEN', { default: '[::]:15014' })),
    dnsName: env.string('WEFT_DNS_NAME', { default: `weft-injector.${settings.namespace}.svc` }),
    trustBundle: env.string('WEFT_TRUST_BUNDLE', { default: '/var/run/weft/trust/bundle.pem' }),
    token: env.string('WEFT_TOKEN', { default: '/var/run/weft/token/token' }),
    excludedNamespaces: env.list('WEFT_EXCLUDED_NAMESPACES', (text) => text, 'namespaces', { default: [] }),
    reconcileInterval: env.duration('WEFT_RECONCILE_INTERVAL', { default: 300_000 }),
    drainDelay: env.duration('WEFT_DRAIN_DELAY', { default: 5_000 }),
    logLevel: env.oneOf('WEFT_LOG_LEVEL', logLevels, { default: 'info' }),
  }
  env.done()
  return config
}
