import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Launcher } from './launcher.ts'
import { plan } from './network.ts'
import { assembleStreams, type Packet, parsePackets, type Stream } from './packets.ts'
import type { RunningProcess } from './process.ts'
import { findServerHello } from './server-hello.ts'
import { connectFrom } from './socket.ts'
import { until } from './until.ts'
import type { Standing } from './within.ts'

export interface Handshake {
  readonly client: string
  readonly server: string
  /** e.g. `X25519MLKEM768`; undefined before TLS 1.3. */
  readonly group: string | undefined
  readonly cipher: number
}

/** A recording of the pod network by tcpdump. Each question is answered about everything sent until it was asked. */
export class Capture implements AsyncDisposable {
  readonly path: string
  readonly #node: Standing
  readonly #tcpdump: RunningProcess

  private constructor(path: string, node: Standing, tcpdump: RunningProcess) {
    this.path = path
    this.#node = node
    this.#tcpdump = tcpdump
  }

  static async start(launcher: Launcher, node: Standing, directory: string): Promise<Capture> {
    const path = join(directory, `capture-${randomInt(2 ** 32).toString(16)}.pcap`)
    const options = ['--immediate-mode', '-U', '-s', '0', '-B', '16384', '-n', '-Z', 'root']
    const tcpdump = await launcher.start({
      name: 'tcpdump',
      standing: node,
      command: ['tcpdump', '-i', 'bridge', ...options, '-w', path],
    })
    await tcpdump.line(/listening on/)
    return new Capture(path, node, tcpdump)
  }

  /** Whether these bytes passed in any connection, also when they were split over packets. */
  async contains(bytes: string | Uint8Array): Promise<boolean> {
    const wanted = Buffer.from(bytes)
    return (await this.streams()).some((stream) => stream.bytes.includes(wanted))
  }

  /** Every TLS handshake whose beginning was recorded. */
  async handshakes(): Promise<Handshake[]> {
    return (await this.streams()).flatMap((stream) => {
      const hello = findServerHello(stream.bytes)
      return hello ? [{ client: stream.to, server: stream.from, ...hello }] : []
    })
  }

  /** The groups that TLS handshakes agreed on, each once. */
  async keyExchangeGroups(): Promise<string[]> {
    const groups = (await this.handshakes()).map(({ group }) => group ?? 'none')
    return [...new Set(groups)]
  }

  async streams(): Promise<Stream[]> {
    return assembleStreams(await this.packets())
  }

  async packets(): Promise<Packet[]> {
    const marked = await this.#mark()
    const packets = await until('the capture to hold what was sent', () => {
      const packets = parsePackets(readFileSync(this.path))
      return packets.some(({ to }) => to === marked) && packets
    })
    await this.#assertWhole()
    return packets.filter(({ from, to }) => from !== marked && to !== marked)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tcpdump.stop()
  }

  /** Sends a packet that can be told from all others: once it is in the file, so is everything before it. */
  async #mark(): Promise<string> {
    const target = `${plan.controlPlane}:${randomInt(20_000, 30_000)}`
    await connectFrom(this.#node, target).then(
      (socket) => socket.destroy(),
      () => {},
    )
    return target
  }

  /** What a capture that lost packets does not hold proves nothing. */
  async #assertWhole(): Promise<void> {
    const before = this.#tcpdump.errors.length
    this.#tcpdump.signal('SIGUSR1')
    const line = await this.#tcpdump.alive('its statistics', () =>
      this.#tcpdump.errors.slice(before).find((text) => text.includes('dropped by kernel')),
    )
    const dropped = Number(/(\d+) packets? dropped by kernel/.exec(line)?.[1])
    if (dropped > 0) throw new Error(`the capture lost ${dropped} packets: it cannot be judged`)
  }
}
