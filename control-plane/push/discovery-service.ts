import { type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { AggregatedDiscoveryServiceService } from '#proto/envoy/service/discovery/v3/discovery.ts'
import type { Log } from '#runtime/log.ts'
import { RateLimit } from '#runtime/rate-limit.ts'
import type { Authenticate } from '../authority/bearer.ts'
import type { Caller } from '../authority/tokens.ts'
import { closeOnceAnswered } from '../http2-stream.ts'
import { diff } from '../model/diff.ts'
import type { Model } from '../model/model.ts'
import { Delivery } from './delivery.ts'
import type { PushMetrics } from './metrics.ts'
import type { RootsInUse } from './request.ts'
import { type DiscoveryCall, Stream, type StreamEnd } from './stream.ts'

export interface DiscoveryOptions {
  readonly authenticate: Authenticate
  readonly metrics: PushMetrics
  readonly log: Log
  /** Milliseconds that a client may take to answer a response; a minute by default. */
  readonly answerLimit?: number
}

export interface ConnectedClient {
  readonly podUid: string
  /** Whether it acknowledged the newest trust bundle. */
  readonly acknowledged: boolean
  readonly roots: RootsInUse | undefined
}

/** A restarted sidecar overlaps with its predecessor's stream; more than a few are a mistake or an attack. */
const streamsPerPod = 4
/** New streams of a pod: a sidecar whose stream ends waits longer and longer, up to many seconds. */
const streamRate = { burst: 60, perSecond: 0.5 }
const minute = 60_000

/** Delta xDS: keeps every connected client in step with the newest model, each within its scope. */
export class DiscoveryService {
  /** The service as published, with messages left encoded both ways. */
  static readonly definition: ServiceDefinition = {
    deltaAggregatedResources: {
      ...AggregatedDiscoveryServiceService.deltaAggregatedResources,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
    },
  }

  readonly #options: DiscoveryOptions
  /** By pod UID. */
  readonly #opened = new RateLimit(streamRate)
  readonly #streams = new Map<Stream, { readonly caller: Caller; readonly delivery: Delivery }>()
  #model: Model | undefined
  #closed = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  get implementation(): UntypedServiceImplementation {
    return { deltaAggregatedResources: (call: DiscoveryCall) => void this.#accept(call) }
  }

  /** Replaces the model. Every stream hears of the difference, and ends when its pod is gone. */
  publish(model: Model): void {
    const previous = this.#model
    this.#model = model
    if (!previous || previous.version === model.version) return
    const differences = diff(previous, model)
    for (const stream of this.#streams.keys()) stream.publish(model, differences)
  }

  /** Ends the streams of revoked pods at once. What authenticates from then on is refused before it comes here. */
  endStreams(isRevoked: (podUid: string) => boolean): void {
    for (const [stream, { caller }] of this.#streams) if (isRevoked(caller.podUid)) stream.end(podRevoked)
  }

  /** Every open stream, and what its client said of the trust bundle. */
  *clients(): Generator<ConnectedClient> {
    for (const { caller, delivery } of this.#streams.values()) {
      yield { podUid: caller.podUid, acknowledged: delivery.hasNewestTrust, roots: delivery.roots }
    }
  }

  /** The pods that should have a stream, by UID: `namespace/name`. */
  get pods(): ReadonlyMap<string, string> {
    return new Map([...(this.#model?.pods ?? [])].map(([name, { podUid }]) => [podUid, name]))
  }

  /** Ends every stream with UNAVAILABLE, so that clients look for another control plane. */
  close(): void {
    this.#closed = true
    for (const stream of this.#streams.keys()) {
      stream.end({ code: status.UNAVAILABLE, details: 'the control plane is ending' })
    }
  }

  async #accept(call: DiscoveryCall): Promise<void> {
    const refuse = (reason: string, { code, details }: StreamEnd) => {
      this.#options.metrics.refusedStreams.inc({ reason })
      call.emit('error', { code, details })
    }
    // Without a listener a failing call would end the process.
    call.on('error', () => {})
    closeOnceAnswered(call)
    const authentication = await this.#options.authenticate(call)
    if (authentication.kind === 'refused') {
      const { reason, detail, code, message, told } = authentication
      if (!told) this.#options.log.warn('a stream was refused', { reason, detail, peer: call.getPeer() })
      return refuse(reason, { code, details: message })
    }
    if (call.cancelled) return undefined
    const { caller } = authentication
    if (this.#closed || !this.#model) return refuse('not_ready', notReady)
    if (this.#streamsOf(caller) >= streamsPerPod) return refuse('too_many_streams', tooManyStreams)
    if (!this.#opened.take(caller.podUid)) return refuse('too_many_new_streams', tooManyNewStreams)
    const delivery = Delivery.open(caller, this.#model)
    if (!delivery) return refuse('pod_unknown', podUnknown)
    return this.#start(call, caller, delivery)
  }

  #start(call: DiscoveryCall, caller: Caller, delivery: Delivery): void {
    const { metrics, answerLimit = minute } = this.#options
    const { namespace, podName } = caller
    const log = this.#options.log.child({ pod: `${namespace}/${podName}`, peer: call.getPeer() })
    const stream: Stream = new Stream(call, delivery, {
      answerLimit,
      metrics,
      log,
      ended: () => {
        if (!this.#streams.delete(stream)) return
        metrics.streams.dec()
        log.info('stream closed')
      },
    })
    this.#streams.set(stream, { caller, delivery })
    metrics.streams.inc()
    log.info('stream opened')
  }

  #streamsOf({ podUid }: Caller): number {
    return this.#streams.values().reduce((count, { caller }) => count + (caller.podUid === podUid ? 1 : 0), 0)
  }
}

const notReady: StreamEnd = { code: status.UNAVAILABLE, details: 'the control plane is not ready: try again' }
const podUnknown: StreamEnd = {
  code: status.UNAVAILABLE,
  details: 'the registry does not have this pod yet: try again',
}
const podRevoked: StreamEnd = { code: status.UNAUTHENTICATED, details: 'this pod is revoked' }
const tooManyStreams: StreamEnd = {
  code: status.RESOURCE_EXHAUSTED,
  details: `this pod has ${streamsPerPod} streams open: end one first`,
}
const tooManyNewStreams: StreamEnd = {
  code: status.RESOURCE_EXHAUSTED,
  details: 'this pod opens streams too often: wait, then try again',
}
