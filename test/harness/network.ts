import { writeFileSync } from 'node:fs'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import type { Ground } from './ground.ts'
import { RunningProcess } from './process.ts'
import { type Standing, within } from './within.ts'

/** The address plan: everything is inside these two, and nothing leads out of them. */
export const plan = {
  ipv4: '10.77.0.0/16',
  ipv6: 'fd77::/64',
  gateway: { ipv4: '10.77.0.1', ipv6: 'fd77::1' },
  controlPlane: '10.77.0.2',
  controlPlaneIpv6: 'fd77::2',
} as const

/** A bridge in a namespace of its own, which stands for the node, and a namespace for each pod, joined to it. */
export class Network {
  readonly ipv6: boolean
  /** The namespace of the bridge: what runs there sees all of the pod network, as a kubelet does. */
  readonly node: Standing
  readonly #ground: Ground
  #links = 0

  private constructor(ground: Ground, ipv6: boolean) {
    this.#ground = ground
    this.ipv6 = ipv6
    this.node = { namespace: `${ground.prefix}node`, uid: 0 }
  }

  static async create(ground: Ground, { ipv6 }: { readonly ipv6: boolean }): Promise<Network> {
    const network = new Network(ground, ipv6)
    await network.#makeNode()
    return network
  }

  /** The nth pod's addresses, from 1. */
  podAddresses(n: number): IpAddress[] {
    const ipv4 = `10.77.${1 + (n >> 8)}.${n & 0xff}`
    return this.#addresses(ipv4, `fd77::1:${n.toString(16)}`)
  }

  /** The nth service's virtual addresses, from 1. */
  virtualAddresses(n: number): IpAddress[] {
    return this.#addresses(`10.77.100.${n}`, `fd77::100:${n.toString(16)}`)
  }

  /** Makes a namespace with these addresses; its default route leads to the bridge, and nowhere from there. */
  async attach(name: string, addresses: readonly IpAddress[]): Promise<string> {
    const namespace = `${this.#ground.prefix}${name}`
    const link = `veth${++this.#links}`
    await this.#ip([], [`netns add ${namespace}`])
    within({ namespace, uid: 0 }, () => {
      // As container runtimes set it: an application may take port 80 without privileges.
      writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0')
      if (!this.ipv6) writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1')
    })
    await this.#ip(
      ['-n', this.node.namespace],
      [
        `link add name ${link} up master bridge type veth peer name eth0 netns ${namespace}`,
        ...addresses.filter(isOutside).map((address) => `route add ${address} dev bridge`),
      ],
    )
    const { ipv4, ipv6 } = plan.gateway
    await this.#ip(
      ['-n', namespace],
      [
        'link set lo up',
        'link set eth0 up',
        ...addresses.map(
          (address) => `address add ${address}/${prefixLength(address)} dev eth0 ${flags(address)}`,
        ),
        `route add default via ${ipv4} dev eth0 onlink`,
        ...(this.ipv6 ? [`route add default via ${ipv6} dev eth0 onlink`] : []),
      ],
    )
    return namespace
  }

  async #makeNode(): Promise<void> {
    const { namespace } = this.node
    await this.#ip([], [`netns add ${namespace}`])
    within(this.node, () => {
      if (!this.ipv6) writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1')
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
      if (this.ipv6) writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1')
      writeFileSync('/proc/sys/net/ipv4/conf/all/send_redirects', '0')
      writeFileSync('/proc/sys/net/ipv4/conf/default/send_redirects', '0')
    })
    await this.#ip(
      ['-n', namespace],
      [
        'link set lo up',
        // An address of its own: else it takes the lowest of its ports', and each new pod may change it under all others.
        'link add bridge address 02:77:00:00:00:01 type bridge',
        'link set bridge up',
        `address add ${plan.gateway.ipv4}/16 dev bridge`,
        // Answers at once what would else be waited for.
        'route add unreachable default',
        ...(this.ipv6
          ? [`address add ${plan.gateway.ipv6}/64 dev bridge nodad`, 'route add unreachable ::/0']
          : []),
      ],
    )
  }

  async #ip(options: readonly string[], lines: readonly string[]): Promise<void> {
    const ip = await RunningProcess.start(this.#ground, {
      name: 'ip',
      command: ['ip', ...options, '-batch', '-'],
    })
    ip.input.end(`${lines.join('\n')}\n`)
    const { code } = await ip.exited
    if (code !== 0)
      throw new Error(`ip ${options.join(' ')} failed on:\n  ${lines.join('\n  ')}${ip.lastLines()}`)
  }

  #addresses(ipv4: string, ipv6: string): IpAddress[] {
    const texts = this.ipv6 ? [ipv4, ipv6] : [ipv4]
    return texts.map((text) => parseIp(text)!)
  }
}

function isOutside(address: IpAddress): boolean {
  return !address.startsWith('10.77.') && !address.startsWith('fd77:')
}

function prefixLength(address: IpAddress): number {
  if (isOutside(address)) return address.includes(':') ? 128 : 32
  return address.includes(':') ? 64 : 16
}

/** A fresh IPv6 address may be used at once, without the second that looking for a duplicate takes. */
function flags(address: IpAddress): string {
  return address.includes(':') ? 'nodad' : ''
}
