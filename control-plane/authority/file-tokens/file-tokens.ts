import { createPublicKey, type KeyObject } from 'node:crypto'
import type { IpAddress } from '#mesh/address.ts'
import type { Log } from '#runtime/log.ts'
import type { RegistryState, RegistryWorkload } from '../../model/registry-state.ts'
import { createKey, readKey, writeKey } from '../keys.ts'
import { StateDirectory } from '../state-directory.ts'
import { type Caller, TokenRefused, type TokenVerifier } from '../tokens.ts'
import { readToken } from './claims.ts'
import { TokenFiles } from './token-files.ts'

const keyFile = 'token-key.pem'
/** Milliseconds between looks for tokens at half of their life. */
const renewalInterval = 60_000
/** Milliseconds until a token that could not be written is tried again: somebody may be waiting for it to start. */
const retryInterval = 5_000

export interface FileTokensOptions {
  readonly stateDir: string
  readonly log: Log
  /** Refuse a token that comes from another address than its pod's; only for networks that hide addresses off. */
  readonly checkPeerAddress?: boolean
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Opens the file registry's tokens, with a signing key that is made on first use. Rejects with AuthorityStateError. */
export async function openFileTokens(options: FileTokensOptions): Promise<FileTokens> {
  const state = new StateDirectory(options.stateDir)
  const stored = await readKey(state, keyFile)
  const key = stored ?? createKey()
  if (!stored) await writeKey(state, keyFile, key)
  return new FileTokens(options, key, new TokenFiles(state, key))
}

/** Plays the part of Kubernetes for a registry file: gives every meshed workload a token, and judges those presented. */
export class FileTokens implements TokenVerifier {
  readonly #options: FileTokensOptions
  readonly #key: KeyObject
  readonly #files: TokenFiles
  readonly #timer: NodeJS.Timeout
  #retry: NodeJS.Timeout | undefined
  #workloads: ReadonlyMap<string, RegistryWorkload> = new Map()
  #updating: Promise<void> = Promise.resolve()

  constructor(options: FileTokensOptions, key: KeyObject, files: TokenFiles) {
    this.#options = options
    this.#key = createPublicKey(key)
    this.#files = files
    this.#timer = setInterval(() => void this.renew(), renewalInterval).unref()
  }

  /** Takes the registry's new state: verification follows at once; resolves when the files do. Never rejects. */
  async update(state: RegistryState): Promise<void> {
    const meshed = state.workloads.filter((workload) => workload.meshed)
    this.#workloads = new Map(meshed.map((workload) => [`${workload.namespace}/${workload.name}`, workload]))
    await this.renew()
  }

  /** Rewrites the tokens that are at half of their life. Never rejects: what fails is logged and tried again. */
  renew(): Promise<void> {
    this.#updating = this.#updating.then(async () => {
      const callers = [...this.#workloads.values()].map(callerOf)
      const failures = await this.#files.update(callers, this.#now()).catch((error: unknown) => [{ error }])
      for (const failure of failures)
        this.#options.log.error('a token could not be written or removed', { ...failure })
      clearTimeout(this.#retry)
      if (failures.length > 0) this.#retry = setTimeout(() => void this.renew(), retryInterval).unref()
    })
    return this.#updating
  }

  async verify(token: string, peerAddress: IpAddress | undefined): Promise<Caller> {
    const caller = await readToken(token, this.#key, this.#now())
    const workload = this.#workloads.get(`${caller.namespace}/${caller.podName}`)
    requireSamePod(caller, workload)
    if (this.#options.checkPeerAddress !== false) requireOwnAddress(workload, peerAddress)
    return caller
  }

  close(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

function callerOf({ namespace, name, podUid, serviceAccount }: RegistryWorkload): Caller {
  return { namespace, podName: name, podUid, serviceAccount }
}

function requireSamePod(
  caller: Caller,
  workload: RegistryWorkload | undefined,
): asserts workload is RegistryWorkload {
  const pod = `${caller.namespace}/${caller.podName}`
  if (!workload) throw new TokenRefused('pod_gone', `the registry has no meshed pod ${pod}`)
  if (workload.podUid !== caller.podUid) {
    throw new TokenRefused(
      'pod_replaced',
      `pod ${pod} is ${workload.podUid} now, the token is of ${caller.podUid}`,
    )
  }
  if (workload.serviceAccount !== caller.serviceAccount) {
    const message = `pod ${pod} runs as ${workload.serviceAccount} now, the token says ${caller.serviceAccount}`
    throw new TokenRefused('other_service_account', message)
  }
}

/** A token is shown at every renewal, so replay cannot mean "seen before": it means "from somewhere else". */
function requireOwnAddress(workload: RegistryWorkload, peer: IpAddress | undefined): void {
  if (peer !== undefined && workload.addresses.includes(peer)) return
  const pod = `${workload.namespace}/${workload.name}`
  throw new TokenRefused('other_address', `the token of pod ${pod} came from ${peer ?? 'an unknown address'}`)
}
