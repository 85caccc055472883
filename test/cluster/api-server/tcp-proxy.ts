import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and does what networks do. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number
  readonly #server: Server
  readonly #pairs: Set<Pair>

  private constructor(server: Server, pairs: Set<Pair>, port: number) {
    this.#server = server
    this.#pairs = pairs
    this.port = port
  }

  static async start(target: number): Promise<TcpProxy> {
    const pairs = new Set<Pair>()
    const server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1')
      const pair = { client, upstream }
      pairs.add(pair)
      client.pipe(upstream)
      upstream.pipe(client)
      for (const socket of [client, upstream]) {
        socket.on('error', () => {})
        socket.on('close', () => {
          client.destroy()
          upstream.destroy()
          pairs.delete(pair)
        })
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return new TcpProxy(server, pairs, typeof address === 'object' && address ? address.port : 0)
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Cuts every connection, by a reset. */
  cut(): void {
    for (const { client } of this.#pairs) client.resetAndDestroy()
  }

  /** Lets the server's words on connections that are open now come to nothing, without a sign. */
  stall(): void {
    for (const { client, upstream } of this.#pairs) {
      upstream.unpipe(client)
      upstream.resume()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
}
