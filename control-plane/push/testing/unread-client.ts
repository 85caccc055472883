import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { AggregatedDiscoveryServiceService } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { request } from './requests.ts'

/** A client that asks and answers, and never takes a byte of what it is sent beyond the window of its stream. */
export class UnreadClient implements Disposable {
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream

  constructor(port: number, token: string) {
    this.#session = connect(`http://127.0.0.1:${port}`)
    this.#session.on('error', () => {})
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': AggregatedDiscoveryServiceService.deltaAggregatedResources.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    })
    this.#stream.on('error', () => {})
  }

  send(parts: Parameters<typeof request>[0]): void {
    const bytes = request(parts)
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(bytes.length, 1)
    this.#stream.write(Buffer.concat([prefix, bytes]))
  }

  /** Answers responses that it has not read: their nonces are easily guessed. */
  answerBlindly(typeUrl: string, most: number): void {
    for (let nonce = 1; nonce <= most; nonce++) this.send({ typeUrl, responseNonce: String(nonce) })
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
  }
}
