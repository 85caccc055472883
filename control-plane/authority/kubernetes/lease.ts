import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '#runtime/log.ts'
import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import { isAbsent, isConflict } from '../../watch/kubernetes/api/errors.ts'
import { Changeable, type Changing } from '../changing.ts'

export interface LeaseOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly name: string
  /** Who this replica is; no two have the same. */
  readonly identity: string
  readonly log: Log
  readonly timing?: LeaseTiming
}

/** All in milliseconds. */
export interface LeaseTiming {
  /** How long others wait for a holder that says nothing. */
  readonly duration: number
  /** How long a holder that cannot renew believes itself; shorter, so that two never do. */
  readonly deadline: number
  /** Between tries. */
  readonly retry: number
}

const defaultTiming: LeaseTiming = { duration: 15_000, deadline: 10_000, retry: 3_000 }

/**
 * One of several replicas holds the Lease at a time. Clocks are not compared: what counts is how long this replica has
 * seen the holder say nothing.
 */
export class Lease implements AsyncDisposable {
  readonly #options: LeaseOptions
  readonly #timing: LeaseTiming
  readonly #holding = new Changeable(false)
  readonly #end = new AbortController()
  readonly #running: Promise<void>
  #seen = ''
  #seenAt = 0
  #renewedAt = 0

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#timing = options.timing ?? defaultTiming
    this.#running = this.#run(this.#end.signal)
  }

  /** Whether this replica holds it. */
  get holding(): Changing<boolean> {
    return this.#holding
  }

  /** Gives it up, so that the next replica need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    await this.#running
    if (!this.#holding.current) return
    this.#hold(false)
    // Whoever comes next waits a while when this fails, and that is all.
    await this.#release().catch(() => {})
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log } = this.#options
    while (!signal.aborted) {
      const began = performance.now()
      const held = await this.#tryToHold(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('the lease could not be asked for', { error })
        return undefined
      })
      if (held) this.#renewedAt = began
      const late = performance.now() - this.#renewedAt > this.#timing.deadline
      if (!signal.aborted) this.#hold(held ?? (this.#holding.current && !late))
      await wait(this.#timing.retry * (0.8 + Math.random() * 0.4), undefined, { signal }).catch(() => {})
    }
  }

  #hold(holding: boolean): void {
    if (holding === this.#holding.current) return
    this.#options.log.info(holding ? 'this replica writes now' : 'this replica writes no longer')
    this.#holding.set(holding)
  }

  async #tryToHold(signal: AbortSignal): Promise<boolean> {
    const { client, identity } = this.#options
    const timeout = this.#timing.deadline / 3
    const present = await this.#read(signal)
    try {
      if (!present) {
        await client.request({
          method: 'POST',
          path: this.#collection,
          body: this.#body(undefined),
          signal,
          timeout,
        })
        return true
      }
      const { holderIdentity } = present.spec
      if (holderIdentity && holderIdentity !== identity && !this.#isAbandoned(present)) return false
      await client.request({ method: 'PUT', path: this.#path, body: this.#body(present), signal, timeout })
      return true
    } catch (error) {
      if (isConflict(error)) return false
      throw error
    }
  }

  async #read(signal?: AbortSignal): Promise<StoredLease | undefined> {
    try {
      const timeout = this.#timing.deadline / 3
      return (await this.#options.client.request({ path: this.#path, signal, timeout })) as StoredLease
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  /** Whether its holder has said nothing for as long as it promised to, by this replica's own clock. */
  #isAbandoned({ metadata, spec }: StoredLease): boolean {
    const now = performance.now()
    if (this.#seen !== metadata.resourceVersion) {
      this.#seen = metadata.resourceVersion
      this.#seenAt = now
    }
    const promised = (spec.leaseDurationSeconds ?? this.#timing.duration / 1_000) * 1_000
    return now - this.#seenAt > promised
  }

  async #release(): Promise<void> {
    const present = await this.#read()
    if (present?.spec.holderIdentity !== this.#options.identity) return
    const { metadata, spec } = present
    const body = { ...leaseKind, metadata, spec: { ...spec, holderIdentity: '', leaseDurationSeconds: 1 } }
    await this.#options.client.request({ method: 'PUT', path: this.#path, body })
  }

  #body(present: StoredLease | undefined): unknown {
    const { name, namespace, identity } = this.#options
    // The API wants six digits behind the point.
    const now = new Date().toISOString().replace('Z', '000Z')
    const same = present?.spec.holderIdentity === identity
    return {
      ...leaseKind,
      metadata: present?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#timing.duration / 1_000),
        acquireTime: same ? present.spec.acquireTime : now,
        renewTime: now,
        leaseTransitions: (present?.spec.leaseTransitions ?? 0) + (present && !same ? 1 : 0),
      },
    }
  }

  get #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#options.namespace}/leases`
  }

  get #path(): string {
    return `${this.#collection}/${this.#options.name}`
  }
}

const leaseKind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }

interface StoredLease {
  readonly metadata: { readonly resourceVersion: string; readonly [field: string]: unknown }
  readonly spec: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly leaseTransitions?: number
    readonly [field: string]: unknown
  }
}
