import { Backoff } from '#runtime/backoff.ts'
import type { Log } from '#runtime/log.ts'
import type { ApiClient } from '../api/client.ts'
import { watchEvents } from '../api/watch-events.ts'
import type { Cache } from './cache.ts'
import { type Kept, type Kind, kept, objectKey, type RawObject } from './kind.ts'
import { list, selecting } from './list.ts'
import type { WatchMetrics } from './metrics.ts'
import { countMissed } from './missed.ts'

export interface FollowerOptions {
  readonly client: ApiClient
  readonly signal: AbortSignal
  readonly log: Log
  readonly metrics: WatchMetrics
  readonly timing: FollowerTiming
  /** Called when a watch stands. */
  readonly watching: () => void
}

/** All in milliseconds. */
export interface FollowerTiming {
  /** How long the API server is asked to keep one watch; it says something before, and at the latest by ending it. */
  readonly watch: number
  /** How long a watch may say nothing; longer than `watch`, so that only a stalled connection is cut. */
  readonly silence: number
  /** How long to trust watches before everything is listed again. */
  readonly relist: number
}

/** Milliseconds that an optional kind has to be unknown to the API server before there counts to be nothing of it. */
const absence = 1_000

/** Where the watch of one kind stands. */
export class Follower<T extends Kept> {
  readonly #kind: Kind<T>
  readonly #cache: Cache<T>
  readonly #options: FollowerOptions
  /** Undefined when only a list can tell. */
  #position: string | undefined
  #relistAt = 0
  readonly #putOff: Backoff
  #absentSince: number | undefined

  constructor(kind: Kind<T>, cache: Cache<T>, options: FollowerOptions) {
    this.#kind = kind
    this.#cache = cache
    this.#options = options
    const { relist } = options.timing
    this.#putOff = new Backoff({ minimum: relist / 16, maximum: relist })
  }

  /** Lists if that is due, then follows one watch to its end. */
  async step(): Promise<void> {
    if (this.#position === undefined) await this.#list(undefined)
    else if (performance.now() >= this.#relistAt) await this.#relist(this.#position)
    await this.#watch()
  }

  startOver(): void {
    this.#position = undefined
  }

  /** A kind that was there keeps its objects: dropping the policies of a whole mesh must not follow from one 404. */
  absent(): void {
    this.#position = undefined
    this.#absentSince ??= performance.now()
    if (!this.#cache.listed && performance.now() - this.#absentSince >= absence) this.#cache.replace([])
  }

  /** From a position that is known the watch can go on without a new list, which must not keep it from that. */
  async #relist(position: string): Promise<void> {
    const { signal, metrics, log } = this.#options
    try {
      await this.#list(position)
    } catch (error) {
      if (signal.aborted) throw error
      this.#relistAt = performance.now() + this.#putOff.next()
      const kind = this.#kind.name
      metrics.failures.inc({ kind })
      log.warn('listing again failed and is put off; the watch goes on', { kind, error })
    }
  }

  async #list(since: string | undefined): Promise<void> {
    const { client, signal, metrics, timing, log } = this.#options
    const { objects, resourceVersion } = await list(client, this.#kind, signal)
    const { name } = this.#kind
    this.#absentSince = undefined
    metrics.lists.inc({ kind: name })
    const missed = since === undefined ? 0 : countMissed(this.#cache, objects, since)
    if (missed > 0) {
      metrics.missed.inc({ kind: name }, missed)
      log.warn('a watch had missed changes, which the new list has', { kind: name, missed })
    }
    this.#cache.replace(objects)
    metrics.objects.set({ kind: name }, this.#cache.size)
    this.#position = resourceVersion
    this.#putOff.reset()
    this.#relistAt = performance.now() + timing.relist * (0.75 + Math.random() / 2)
  }

  async #watch(): Promise<void> {
    const { client, signal, timing, metrics } = this.#options
    const { name, path } = this.#kind
    const seconds = Math.max(1, Math.round((timing.watch / 1_000) * (0.8 + Math.random() / 5)))
    const response = await client.stream({
      path,
      query: {
        ...selecting(this.#kind),
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion: this.#position,
        timeoutSeconds: String(seconds),
      },
      signal,
    })
    this.#options.watching()
    const stop = () => response.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for await (const { type, object } of watchEvents(response, { what: name, silence: timing.silence })) {
        metrics.events.inc({ kind: name, type })
        this.#take(type, object as RawObject)
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #take(type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK', object: RawObject): void {
    switch (type) {
      case 'BOOKMARK':
        break
      case 'ADDED':
      case 'MODIFIED':
        this.#cache.set(objectKey(kept(object)), this.#kind.trim(object))
        break
      case 'DELETED':
        this.#cache.delete(objectKey(kept(object)))
        break
    }
    this.#position = object.metadata.resourceVersion
    if (type !== 'BOOKMARK') this.#options.metrics.objects.set({ kind: this.#kind.name }, this.#cache.size)
  }
}
