import type { EndpointAddress, IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { ConnectError } from './connect-error.ts'
import { dial } from './dial.ts'

export interface KnocksOptions {
  /** 15008, where every sidecar listens for its peers. */
  readonly port?: number
  /** Milliseconds for an answer. By default long enough for one lost SYN, which Linux sends again after a second. */
  readonly patience?: number
  /** Milliseconds for which whoever was silent is not asked again; 10 s by default. */
  readonly memory?: number
}

const never = new AbortController().signal

/** Asks at the tunnel port whether a meshed pod has an address: what is left to ask while the control plane is away. */
export class Knocks {
  readonly #port: number
  readonly #patience: number
  readonly #memory: number
  /** What is being asked, and who was silent. */
  readonly #answers = new Map<IpAddress, Promise<boolean>>()

  constructor({ port = ports.hbone, patience = 1_500, memory = 10_000 }: KnocksOptions = {}) {
    this.#port = port
    this.#patience = patience
    this.#memory = memory
  }

  /**
   * Whether anybody listens there; nothing is said. Silence is no: behind what drops this port no meshed pod could be
   * reached by the mesh. Rejects with a ConnectError where this process lacks the means to ask.
   */
  async answered(ip: IpAddress): Promise<boolean> {
    const known = this.#answers.get(ip)
    if (known) return await known
    const answer = this.#ask(ip)
    this.#answers.set(ip, answer)
    return await answer
  }

  async #ask(ip: IpAddress): Promise<boolean> {
    const forget = (): void => void this.#answers.delete(ip)
    try {
      const socket = await dial({ ip, port: this.#port } as EndpointAddress, never, this.#patience)
      socket.on('error', () => {})
      socket.resetAndDestroy()
    } catch (error) {
      const { failure } = error as ConnectError
      if (failure === 'timeout') setTimeout(forget, this.#memory).unref()
      else forget()
      if (failure === 'resource_limit') throw error
      return false
    }
    forget()
    return true
  }
}
