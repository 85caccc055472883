import type { ServerReadableStream } from '@grpc/grpc-js'
import type { IstioCertificateResponse } from '#proto/istio/v1/auth/ca.ts'
import { http2StreamOf } from '../http2-stream.ts'
import { Turns } from './turns.ts'

export type CertificateCall = ServerReadableStream<Buffer, IstioCertificateResponse>

/** What came of a request: the message, still encoded, or why there is none. */
export type ReadRequest =
  | { readonly kind: 'read'; readonly message: Buffer }
  | { readonly kind: 'too_large' | 'too_slow' | 'missing' }

/** Bytes of a request: the largest key makes a CSR of 1 KiB or so. */
export const mostBytes = 64 * 1024
/** Milliseconds that a request has to be whole, the wait for its turn included. */
const timeLimit = 5_000
/** Requests of one pod that are read at once. */
const mostAtOnce = 4
/** Of a message of gRPC: whether it is compressed, and its length. */
const prefix = 5

/**
 * Reads the one message of each call. Until then HTTP/2's flow control bounds what a caller may send that has not shown
 * who it is: 128 KiB a call.
 */
export class RequestReader {
  readonly #timeLimit: number
  readonly #turns = new Turns(mostAtOnce)

  constructor(limit = timeLimit) {
    this.#timeLimit = limit
  }

  /** Never rejects. */
  async read(call: CertificateCall, podUid: string): Promise<ReadRequest> {
    const over = Promise.withResolvers<ReadRequest>()
    const gone = () => over.resolve({ kind: 'missing' })
    if (call.destroyed) gone()
    call.once('close', gone)
    const timer = setTimeout(() => over.resolve({ kind: 'too_slow' }), this.#timeLimit)
    try {
      using turn = this.#turns.ask(podUid)
      const early = await Promise.race([over.promise, turn.come])
      return early ?? (await Promise.race([over.promise, firstMessage(call)]))
    } finally {
      clearTimeout(timer)
      call.off('close', gone)
    }
  }
}

function firstMessage(call: CertificateCall): Promise<ReadRequest> {
  return new Promise((resolve) => {
    let bytes = 0
    http2StreamOf(call)?.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > prefix + mostBytes) resolve({ kind: 'too_large' })
    })
    call.once('end', () => resolve({ kind: 'missing' }))
    call.once('data', (message: Buffer) => {
      // A readable stream would go on to the messages after it, as many as its own buffer takes.
      call.push(null)
      resolve(message.length > mostBytes ? { kind: 'too_large' } : { kind: 'read', message })
    })
  })
}
