import type { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { Secret } from '../../watch/kubernetes/objects/secret.ts'
import type { CaSource, Found } from '../plugged/source.ts'

export interface SecretSourceOptions {
  readonly namespace: string
  readonly name: string
  /** The Secret as it is watched. */
  readonly secrets: Cache<Secret>
  /** Ends every watch. */
  readonly signal: AbortSignal
}

/**
 * A certificate authority in a Secret: `tls.crt`, `tls.key` and perhaps `ca.crt`, as cert-manager writes them, or
 * `ca.p12` and perhaps `password`.
 */
export function secretSource({ namespace, name, secrets, signal }: SecretSourceOptions): CaSource {
  return {
    place: `Secret ${namespace}/${name}`,
    async *watch(until) {
      const ended = AbortSignal.any([signal, until])
      let bell = Promise.withResolvers<void>()
      const ring = () => bell.resolve()
      const unsubscribe = secrets.subscribe(ring)
      ended.addEventListener('abort', ring)
      try {
        while (!ended.aborted) {
          // Before all is listed, what is not there may only be unknown.
          if (secrets.listed) yield look(secrets.get(`${namespace}/${name}`))
          await bell.promise
          bell = Promise.withResolvers<void>()
        }
      } finally {
        unsubscribe()
      }
    },
  }
}

function look(secret: Secret | undefined): Found {
  if (!secret) return nothing('it is missing: create it')
  const { 'tls.crt': chain, 'tls.key': key, 'ca.crt': root = '', password = '' } = secret.data
  const container = secret.encoded['ca.p12']
  if (container !== undefined && (chain !== undefined || key !== undefined)) {
    return nothing('it has ca.p12 beside tls.crt or tls.key: leave one of the two ways')
  }
  if (container !== undefined) return found(Buffer.from(container, 'base64'), password)
  if (chain === undefined || key === undefined) {
    return nothing('it has neither tls.crt and tls.key nor ca.p12: write one of the two ways')
  }
  return found(Buffer.from([chain, key, root].join('\n')), password)
}

/** A line break at the end of a password comes from the editor. */
function found(content: Buffer, password: string): Found {
  return { kind: 'material', material: { content, password: password.replace(/\r?\n$/, '') } }
}

function nothing(problem: string): Found {
  return { kind: 'nothing', problem }
}
