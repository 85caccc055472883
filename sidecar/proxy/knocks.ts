import type { Socket } from 'node:net'
import { type EndpointAddress, formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { ConnectError } from './connect-error.ts'
import { dial } from './dial.ts'

export interface KnocksOptions {
  /** 15008, where every sidecar listens for its peers. */
  readonly port?: number
  /** Milliseconds for an answer. By default long enough for one lost SYN, which Linux sends again after a second. */
  readonly patience?: number
  /** Milliseconds for which whoever is silent there and was reached is not asked again; 10 s by default. */
  readonly memory?: number
}

type Answer = 'listens' | 'refuses' | 'silent'

const never = new AbortController().signal

/** Asks at the tunnel port whether a meshed pod has an address: what is left to ask while the control plane is away. */
export class Knocks {
  readonly #port: number
  readonly #patience: number
  readonly #memory: number
  readonly #asking = new Map<IpAddress, Promise<Answer>>()
  /** Who is silent at the tunnel port and was reached all the same, with what makes that be forgotten. */
  readonly #silent = new Map<IpAddress, NodeJS.Timeout>()

  constructor({ port = ports.hbone, patience = 1_500, memory = 10_000 }: KnocksOptions = {}) {
    this.#port = port
    this.#patience = patience
    this.#memory = memory
  }

  /**
   * Dials an address that was no meshed pod's, unless somebody listens at its tunnel port, who is told nothing. Silence
   * is no refusal: behind what drops that port no meshed pod could be reached by the mesh. Rejects with a ConnectError.
   */
  async dial(address: EndpointAddress, signal: AbortSignal): Promise<Socket> {
    const { ip } = address
    const answer = this.#silent.has(ip) ? 'silent' : await this.#ask(ip)
    if (answer === 'listens') throw meshedSince(address)
    try {
      const socket = await dial(address, signal)
      if (answer === 'silent' && !this.#silent.has(ip)) this.#remember(ip)
      return socket
    } catch (error) {
      // Nobody may be there any more, and the next one may be meshed.
      this.#forget(ip)
      throw error
    }
  }

  async #ask(ip: IpAddress): Promise<Answer> {
    const asking = this.#asking.get(ip) ?? this.#knock(ip).finally(() => this.#asking.delete(ip))
    this.#asking.set(ip, asking)
    return await asking
  }

  async #knock(ip: IpAddress): Promise<Answer> {
    try {
      const socket = await dial({ ip, port: this.#port } as EndpointAddress, never, this.#patience)
      socket.on('error', () => {})
      socket.resetAndDestroy()
      return 'listens'
    } catch (error) {
      const { failure } = error as ConnectError
      if (failure === 'resource_limit') throw error
      return failure === 'timeout' ? 'silent' : 'refuses'
    }
  }

  #remember(ip: IpAddress): void {
    this.#silent.set(ip, setTimeout(() => this.#forget(ip), this.#memory).unref())
  }

  #forget(ip: IpAddress): void {
    clearTimeout(this.#silent.get(ip))
    this.#silent.delete(ip)
  }
}

function meshedSince(address: EndpointAddress): ConnectError {
  return new ConnectError(
    'meshed_since',
    `${formatSocketAddress(address)}: a sidecar answers at this address, which was no meshed pod's when the control plane was last heard: no plaintext until that is back`,
    { retryable: true },
  )
}
