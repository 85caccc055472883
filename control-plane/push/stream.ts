import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { Log } from '#runtime/log.ts'
import type { Difference } from '../model/diff.ts'
import type { Model } from '../model/model.ts'
import type { TypeUrl } from '../model/type-urls.ts'
import type { Delivery } from './delivery.ts'
import type { PushMetrics } from './metrics.ts'
import { parseRequest, RequestError } from './request.ts'
import { encodeResponse } from './response.ts'

/** Encoded messages both ways: requests are parsed here, responses share the bytes of their resources. */
export type DiscoveryCall = ServerDuplexStream<Buffer, Buffer>

export interface StreamOptions {
  /** Milliseconds that a client may take to read a response, and again to answer it. */
  readonly answerLimit: number
  readonly metrics: PushMetrics
  readonly log: Log
  /** Told once the stream is over and holds nothing any longer. */
  readonly ended: () => void
}

export interface StreamEnd {
  readonly code: status
  readonly details: string
}

/**
 * One client's stream: requests in, responses out, each when the delivery says so and the one before has left. A
 * client that does not read costs the memory of one response, whatever it sends.
 */
export class Stream {
  readonly #call: DiscoveryCall
  readonly #delivery: Delivery
  readonly #options: StreamOptions
  #flushing: NodeJS.Immediate | undefined
  #answerTimer: NodeJS.Timeout | undefined
  #open = true
  /** A response is on its way to a client that has not taken all of it. */
  #writing = false
  #gone = false

  constructor(call: DiscoveryCall, delivery: Delivery, options: StreamOptions) {
    this.#call = call
    this.#delivery = delivery
    this.#options = options
    call.on('data', (bytes: Buffer) => this.#receive(bytes))
    call.on('end', () => this.end({ code: status.OK, details: 'the client ended the stream' }))
    call.on('cancelled', () => this.#cut())
    call.on('error', () => this.#closed())
  }

  publish(model: Model, differences: ReadonlyMap<TypeUrl, Difference>): void {
    if (this.#delivery.publish(model, differences)) this.#flushSoon()
    else this.end({ code: status.UNAUTHENTICATED, details: 'the registry no longer has this pod' })
  }

  end({ code, details }: StreamEnd): void {
    if (!this.#open) return
    this.#closed()
    if (code === status.OK) this.#call.end()
    // A status travels in a header, where a half of a surrogate pair cannot be written.
    else this.#call.emit('error', { code, details: details.toWellFormed() })
  }

  #receive(bytes: Buffer): void {
    if (!this.#open) return
    try {
      const request = parseRequest(bytes)
      const verdict = this.#delivery.receive(request)
      if (verdict.kind === 'nack') {
        this.#options.metrics.refused(request.type)
        const { refusal, names } = verdict
        this.#options.log.warn('a client refused configuration', {
          type: request.type,
          refusal,
          resources: names.slice(0, 20),
        })
      }
      this.#watchAnswers(verdict.kind !== 'none')
      this.#flushSoon()
    } catch (error) {
      this.#refuse(error)
    }
  }

  #refuse(error: unknown): void {
    if (error instanceof RequestError) {
      this.#options.log.warn('a request cannot be understood', { error })
      return this.end({ code: status.INVALID_ARGUMENT, details: error.message })
    }
    this.#options.log.error('a stream failed', { error })
    return this.end({
      code: status.INTERNAL,
      details: 'internal error; the log of the control plane has the reason',
    })
  }

  /** After what else is ready to be read: requests that came together are answered in the order of the types. */
  #flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined
      try {
        this.#flush()
      } catch (error) {
        this.#refuse(error)
      }
    })
  }

  #flush(): void {
    const response = this.#open && !this.#writing ? this.#delivery.next() : undefined
    if (response) {
      this.#writing = true
      this.#options.metrics.sent(response)
      this.#call.write(encodeResponse(response), () => this.#written())
    }
    this.#watchAnswers(false)
  }

  #written(): void {
    this.#writing = false
    if (!this.#open) return this.#release()
    this.#watchAnswers(true)
    this.#flushSoon()
  }

  /** A client that neither reads nor answers is dropped. */
  #watchAnswers(progressed: boolean): void {
    const waits = this.#open && (this.#writing || this.#delivery.waiting)
    if (progressed || !waits) {
      clearTimeout(this.#answerTimer)
      this.#answerTimer = undefined
    }
    if (!waits) return
    const { answerLimit } = this.#options
    this.#answerTimer ??= setTimeout(() => {
      const missed = this.#writing ? 'does not read' : 'does not answer'
      this.#options.log.warn(`a client ${missed}`, { limit: answerLimit })
      this.end({ code: status.DEADLINE_EXCEEDED, details: `the client ${missed} within ${answerLimit} ms` })
    }, answerLimit)
  }

  #closed(): void {
    if (!this.#open) return
    this.#open = false
    clearImmediate(this.#flushing)
    clearTimeout(this.#answerTimer)
    // What the client has not taken stays in memory until it does, or is gone: so long it counts as a stream.
    if (!this.#writing) this.#release()
  }

  /** The client is gone, and with it whatever was on its way there. */
  #cut(): void {
    this.#closed()
    this.#release()
  }

  #release(): void {
    if (this.#gone) return
    this.#gone = true
    this.#options.ended()
  }
}
