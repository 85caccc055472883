import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { connect as connectTls, type TLSSocket } from 'node:tls'

export interface RawClientOptions {
  readonly port: number
  /** PEM. */
  readonly ca: string
  readonly servername: string
  /** CreateCertificate by default. */
  readonly path?: string
}

export interface RawCall {
  write(bytes: Buffer): void
  end(): void
  reset(): void
  /** The number in `grpc-status`, wherever it stands. */
  readonly status: Promise<number>
  /** Resolves once the server let go of the stream. */
  readonly closed: Promise<void>
}

/** Calls by hand: no client of gRPC leaves a request half sent. */
export class RawClient implements Disposable {
  readonly #socket: TLSSocket
  readonly #session: ClientHttp2Session
  readonly #path: string

  constructor({ port, ca, servername, path = createCertificate }: RawClientOptions) {
    this.#socket = connectTls({ port, host: '127.0.0.1', ca, servername, ALPNProtocols: ['h2'] })
    this.#session = connect(`https://${servername}`, {
      createConnection: () => this.#socket,
      // Megabytes, of what it may have to send.
      maxSessionMemory: 1_000,
    })
    this.#session.on('error', () => {})
    this.#path = path
  }

  /** Bytes that the server, or the sockets on the way to it, have taken so far. */
  get bytesWritten(): number {
    return this.#socket.bytesWritten
  }

  call(token?: string): RawCall {
    const headers = {
      ':method': 'POST',
      ':path': this.#path,
      'content-type': 'application/grpc',
      te: 'trailers',
    }
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const stream = this.#session.request({ ...headers, ...authorization }, { endStream: false })
    stream.on('error', () => {}).resume()
    return {
      write: (bytes) => void stream.write(bytes),
      end: () => void stream.end(),
      reset: () => stream.close(8),
      status: statusOf(stream),
      closed: once(stream, 'close').then(() => {}),
    }
  }

  /** Resolves once the server has answered a ping, and nothing was sent for a while. */
  async settled(): Promise<void> {
    if (this.#session.connecting) await once(this.#session, 'connect')
    let before: number
    do {
      before = this.bytesWritten
      await new Promise((resolve) => this.#session.ping(resolve))
      await new Promise((resolve) => setTimeout(resolve, 100))
    } while (this.bytesWritten > before + 100)
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
  }
}

const createCertificate = '/istio.v1.auth.IstioCertificateService/CreateCertificate'

/** A message as gRPC sends it; `announced` is a length other than its own. */
export function framed(
  message: Buffer,
  { announced = message.length }: { readonly announced?: number },
): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(announced, 1)
  return Buffer.concat([prefix, message])
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  for (const event of ['response', 'trailers'] as const) {
    stream.on(event, (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']))
    })
  }
  return promise
}
