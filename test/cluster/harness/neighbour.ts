import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Whether this process stands in the network of the suite's own cluster, and may be a part of it. */
export const besideCluster = process.env['WEFT_CLUSTER'] !== 'context'

/** Something beside the cluster that answers HTTP at an IPv4 address of its own, e.g. a cloud's metadata server. */
export class Neighbour implements AsyncDisposable {
  readonly address: string
  readonly #server: Server

  private constructor(address: string, server: Server) {
    this.address = address
    this.#server = server
  }

  /** Listens at this address and port, which the node that this process stands on has from now on. */
  static async at(address: string, port: number): Promise<Neighbour> {
    execFileSync('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
    const server = createServer(({ socket }, response) => response.end(`${socket.remoteAddress}`))
    await once(server.listen(port, address), 'listening')
    return new Neighbour(address, server)
  }

  get url(): string {
    return `http://${this.address}:${(this.#server.address() as AddressInfo).port}/`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
    execFileSync('ip', ['address', 'delete', `${this.address}/32`, 'dev', 'lo'])
  }
}
