import {
  formatRevocationStatus,
  type IdentityRequests,
  parseRevocationStatusKey,
  revocationStatusKey,
} from '#mesh/identity-requests.ts'
import { Backoff } from '#runtime/backoff.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import type { Signer } from '../certificate.ts'
import { Changeable, type Changing } from '../changing.ts'
import { believedAfterEnd } from '../serials/retention.ts'
import type { IssuedSerial, SerialLedger } from '../serials/serial-ledger.ts'
import type { IdentityStatus } from './identity-status.ts'
import type { RevocationMetrics } from './metrics.ts'
import { revocationList } from './revocation-list.ts'

export interface RevocationsOptions {
  readonly requests: Changing<IdentityRequests>
  readonly ledger: SerialLedger
  readonly status: IdentityStatus
  /** Which of several control planes this is; undefined where there is no other. */
  readonly replica?: Replica | undefined
  /** Who signs the list now. */
  readonly issuer: () => Signer
  readonly log: Log
  readonly metrics: RevocationMetrics
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
  readonly timing?: RevocationTiming
}

/** One of several control planes that tell of themselves in one status. */
export interface Replica {
  readonly name: string
  /** Whether the replica of that name is not there any more. */
  isGone(name: string): boolean
}

/** All in milliseconds. */
export interface RevocationTiming {
  /**
   * Between looks into the ledger while pods are revoked: another replica may have given one a certificate before it
   * heard of its revocation, and serials expire.
   */
  readonly look: number
  /** Waits after failures. */
  readonly minimum: number
  readonly maximum: number
}

const defaultTiming: RevocationTiming = { look: 10_000, minimum: 500, maximum: 10_000 }

/**
 * Which pods are revoked, and the list of their certificates' serials. Every replica makes its own of what is asked for
 * and what all have issued, so that none has to lead for a pod to be cut off.
 */
export class Revocations implements AsyncDisposable {
  readonly #options: RevocationsOptions
  readonly #list = new Changeable<string | undefined>(undefined)
  readonly #end = new AbortController()
  readonly #unsubscribe: () => void
  /** What the ledger said of pods that are revoked, now or before. */
  #serials: readonly IssuedSerial[] = []
  /** What the list in force was made of. */
  #content = ''
  #news = Promise.withResolvers<void>()
  #running: Promise<void> = Promise.resolve()

  private constructor(options: RevocationsOptions) {
    this.#options = options
    this.#unsubscribe = options.requests.subscribe(() => this.#news.resolve())
  }

  /** Resolves once the list is whole: nobody may be served before. Rejects when the signal aborts first. */
  static async open(options: RevocationsOptions, signal?: AbortSignal): Promise<Revocations> {
    const revocations = new Revocations(options)
    const { minimum, maximum } = options.timing ?? defaultTiming
    const backoff = new Backoff({ minimum, maximum })
    while (!(await revocations.#look())) {
      await sleep(backoff.next(), signal)
      signal?.throwIfAborted()
    }
    revocations.#running = revocations.#run()
    return revocations
  }

  /** The list in PEM; undefined while no pod is revoked. */
  get list(): Changing<string | undefined> {
    return this.#list
  }

  isRevoked(podUid: string): boolean {
    return this.#options.requests.current.revocations.has(podUid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe()
    this.#end.abort()
    this.#news.resolve()
    await this.#running
  }

  async #run(): Promise<void> {
    const { look, minimum, maximum } = this.#options.timing ?? defaultTiming
    const backoff = new Backoff({ minimum, maximum })
    const { signal } = this.#end
    let whole = true
    while (!signal.aborted) {
      const told = whole && (await this.#tell())
      if (told) backoff.reset()
      const idle = told && this.#options.requests.current.revocations.size === 0
      await this.#newsWithin(idle ? undefined : told ? look : backoff.next())
      if (!signal.aborted) whole = await this.#look()
    }
  }

  async #newsWithin(milliseconds: number | undefined): Promise<void> {
    const waits = new AbortController()
    const due = milliseconds === undefined ? [] : [sleep(milliseconds, waits.signal)]
    await Promise.race([this.#news.promise, ...due])
    waits.abort()
  }

  /** Asks the ledger and renews the list. False when it could not be asked; what was known of revoked pods stays. */
  async #look(): Promise<boolean> {
    this.#news = Promise.withResolvers()
    const { requests, ledger, log } = this.#options
    const podUids = new Set(requests.current.revocations.keys())
    const looked = await ledger.serialsOf(podUids).catch((error: unknown) => {
      if (!this.#end.signal.aborted) log.error('what was issued to revoked pods could not be read', { error })
      return undefined
    })
    if (looked) {
      // A ledger that was lost takes nobody off the list.
      const known = this.#listed()
      const all = [...known, ...looked].map((each) => [each.serial, each] as const)
      this.#serials = [...new Map(all).values()]
    }
    this.#publish()
    return looked !== undefined
  }

  #publish(): void {
    const { requests, issuer, log, metrics, now = Date.now } = this.#options
    const { revocations } = requests.current
    const signer = issuer()
    const revoked = this.#listed()
      .flatMap(({ serial, podUid }) => {
        const revocation = revocations.get(podUid)
        return revocation ? { serial, at: revocation.at } : []
      })
      .toSorted((a, b) => (a.serial < b.serial ? -1 : 1))
    metrics.pods.set(revocations.size)
    metrics.serials.set(revoked.length)
    const entries = revoked.map(({ serial, at }) => `${serial} ${at}`)
    const content = revocations.size === 0 ? '' : [signer.certificate.fingerprint256, ...entries].join('\n')
    // A list that says the same would only be pushed and judged again by everybody.
    if (content === this.#content) return
    this.#content = content
    this.#list.set(content === '' ? undefined : revocationList(signer, revoked, now()))
    log.info('revocation list renewed', { pods: revocations.size, serials: revoked.length })
  }

  /** What somebody may still believe, of pods that are revoked. */
  #listed(): readonly IssuedSerial[] {
    const { requests, now = Date.now } = this.#options
    const { revocations } = requests.current
    return this.#serials.filter(({ podUid, notAfter }) => {
      return revocations.has(podUid) && notAfter + believedAfterEnd > now()
    })
  }

  /** Says what is in force here. False when that could not be written. */
  async #tell(): Promise<boolean> {
    const { requests, replica, log } = this.#options
    const byPod = Map.groupBy(this.#listed(), ({ podUid }) => podUid)
    const entries = new Map(
      [...requests.current.revocations.values()].map(({ podUid, at }) => {
        const value = formatRevocationStatus({ at, serials: byPod.get(podUid)?.length ?? 0 })
        return [revocationStatusKey(podUid, replica?.name), value]
      }),
    )
    try {
      await this.#write(entries)
      return true
    } catch (error) {
      log.warn('the status of revocations could not be written; it is tried again', { error })
      return false
    }
  }

  async #write(entries: ReadonlyMap<string, string>): Promise<void> {
    const { status } = this.#options
    // Read each time: what was lifted while nobody ran is still said to be in force, and replicas go.
    const told = await status.read()
    const gone = Object.keys(told).filter((key) => !entries.has(key) && this.#mayTakeBack(key))
    const changed = [...entries].filter(([key, value]) => told[key] !== value)
    if (gone.length + changed.length === 0) return
    await status.write(Object.fromEntries([...gone.map((key) => [key, null] as const), ...changed]))
  }

  /** What was said by this replica, by one that is gone, or by a control plane that knew of no replicas. */
  #mayTakeBack(key: string): boolean {
    const { replica: self } = this.#options
    const said = parseRevocationStatusKey(key)
    if (!said) return false
    if (!self || said.replica === undefined || said.replica === self.name) return true
    return self.isGone(said.replica)
  }
}
