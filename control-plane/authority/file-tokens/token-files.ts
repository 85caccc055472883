import type { KeyObject } from 'node:crypto'
import type { StateDirectory } from '../state-directory.ts'
import type { Caller } from '../tokens.ts'
import { signToken } from './claims.ts'

const folder = 'tokens'
/** Milliseconds that a token is good for; it is rewritten at half of that. */
export const tokenLifetime = 3_600_000

interface Written {
  readonly caller: Caller
  readonly renewAt: number
}

export interface Failure {
  readonly file: string
  readonly error: unknown
}

/** The files `tokens/<namespace>/<pod>`: each pod's token, as Kubernetes would mount it. */
export class TokenFiles {
  readonly #state: StateDirectory
  readonly #key: KeyObject
  readonly #written = new Map<string, Written>()

  constructor(state: StateDirectory, key: KeyObject) {
    this.#state = state
    this.#key = key
  }

  /**
   * Writes what is new, changed or at half of its life, and removes every file that belongs to none of the callers.
   * Answers what failed: one file that cannot be written keeps no other pod from its token.
   */
  async update(callers: readonly Caller[], now: number): Promise<Failure[]> {
    const wanted = new Map(callers.map((caller) => [`${caller.namespace}/${caller.podName}`, caller]))
    const failures: Failure[] = []
    const attempt = (path: string, action: Promise<void>) =>
      action.catch((error: unknown) => void failures.push({ file: `${folder}/${path}`, error }))
    for (const path of await this.#others(wanted)) await attempt(path, this.#remove(path))
    for (const [path, caller] of wanted) {
      const written = this.#written.get(path)
      if (written && written.renewAt > now && sameCaller(written.caller, caller)) continue
      await attempt(path, this.#write(path, caller, now))
    }
    return failures
  }

  async #write(path: string, caller: Caller, now: number): Promise<void> {
    const token = await signToken(caller, this.#key, now, now + tokenLifetime)
    await this.#state.write(`${folder}/${path}`, token, 0o644, { durable: false })
    this.#written.set(path, { caller, renewAt: now + tokenLifetime / 2 })
  }

  /** Asks the disk and not its own memory, so that files of an earlier process go too. */
  async #others(wanted: ReadonlyMap<string, Caller>): Promise<string[]> {
    const namespaces = new Set([...wanted.values()].map((caller) => caller.namespace))
    const others: string[] = []
    for (const namespace of await this.#state.list(folder)) {
      if (!namespaces.has(namespace)) others.push(namespace)
      else {
        const paths = (await this.#state.list(`${folder}/${namespace}`)).map((name) => `${namespace}/${name}`)
        others.push(...paths.filter((path) => !wanted.has(path)))
      }
    }
    for (const path of this.#written.keys()) if (!wanted.has(path)) this.#written.delete(path)
    return others
  }

  async #remove(path: string): Promise<void> {
    await this.#state.remove(`${folder}/${path}`)
  }
}

function sameCaller(a: Caller, b: Caller): boolean {
  return (
    a.podUid === b.podUid &&
    a.serviceAccount === b.serviceAccount &&
    a.podName === b.podName &&
    a.namespace === b.namespace
  )
}
