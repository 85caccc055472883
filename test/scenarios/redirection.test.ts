import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { originalDestination } from '#sidecar/proxy/original-destination.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { connectFrom } from '#test/harness/socket.ts'
import { within } from '#test/harness/within.ts'
import type { Workload } from '#test/harness/workload.ts'

const families = [
  { family: 'IPv4', index: 0, loopback: '127.0.0.1', any: '0.0.0.0', save: 'iptables-save' },
  { family: 'IPv6', index: 1, loopback: '::1', any: '::', save: 'ip6tables-save' },
] as const

describe.skipIf(lacks('redirection in the kernel')).each(families)('redirection, $family', (of) => {
  let mesh: Mesh
  let pod: Workload
  let peer: Workload
  let podIp: IpAddress
  let peerIp: IpAddress

  beforeAll(async () => {
    mesh = await startMesh({ controlPlane: false, ipv6: true })
    const unmeshed = { meshed: false, registered: false }
    ;[pod, peer] = await Promise.all([mesh.workload('pod', unmeshed), mesh.workload('peer', unmeshed)])
    podIp = pod.addresses[of.index]!
    peerIp = peer.addresses[of.index]!
    await Promise.all([
      reports(pod, ports.outbound, of.loopback, 'sidecar, outbound'),
      reports(pod, ports.inbound, '::', 'sidecar, inbound'),
      ...[ports.hbone, ports.metrics, ports.readiness, 8080, 9100].map((port) =>
        reports(pod, port, of.any, 'pod'),
      ),
      ...[8080, 3306].map((port) => reports(peer, port, of.any, 'peer')),
    ])
  })

  beforeEach(async () => {
    await pod.redirect()
  })

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]()
  })

  /** Who answered, and what it knows of where the connection was going. */
  async function dial(from: Workload, ip: IpAddress | string, port: number, uid = 1000): Promise<string> {
    const target = formatSocketAddress({ ip: ip as IpAddress, port })
    const socket = await connectFrom({ ...from.standing, uid }, target, { timeout: 1_500 })
    socket.end()
    return await text(socket)
  }

  async function rules(): Promise<string[]> {
    const saved = await pod.run([of.save, '-t', 'nat'], { uid: 0 })
    return saved.split('\n').filter((line) => line.startsWith('-A') || line.startsWith(':WEFT'))
  }

  test('applied twice there is one set of rules', async () => {
    const once = await rules()
    expect(once.filter((rule) => rule.includes('-j WEFT_'))).toHaveLength(2)
    await pod.redirect()
    expect(await rules()).toEqual(once)
  })

  test('other exclusions replace the earlier ones', async () => {
    const plain = await rules()
    await pod.redirect([], { WEFT_EXCLUDE_OUTBOUND_PORTS: '25' })
    expect(await rules()).toHaveLength(plain.length + 1)
    await pod.redirect()
    expect(await rules()).toEqual(plain)
  })

  test('--cleanup leaves nothing, and has nothing against finding nothing', async () => {
    await pod.redirect(['--cleanup'])
    expect(await rules()).toEqual([])
    expect(await dial(pod, peerIp, 8080)).toBe('peer, direct')
    await pod.redirect(['--cleanup'])
    expect(await rules()).toEqual([])
  })

  test('--print changes nothing', async () => {
    await pod.redirect(['--cleanup'])
    expect(await pod.redirect(['--print'])).toContain('-A WEFT_OUTPUT -p tcp -j REDIRECT --to-ports 15001')
    expect(await rules()).toEqual([])
  })

  test('an application’s connection arrives at the sidecar, which learns where it was going', async () => {
    expect(await dial(pod, peerIp, 8080)).toBe(
      `sidecar, outbound, for ${of.index ? `[${peerIp}]` : peerIp}:8080`,
    )
  })

  test('an address that only a service has is redirected before anything asks for a route', async () => {
    const [virtual, shown] = of.index ? ['fd77::100:1', '[fd77::100:1]'] : ['10.77.100.1', '10.77.100.1']
    expect(await dial(pod, virtual, 80)).toBe(`sidecar, outbound, for ${shown}:80`)
  })

  test('the sidecar’s own connections pass', async () => {
    expect(await dial(pod, peerIp, 8080, sidecarUid)).toBe('peer, direct')
  })

  test('connections within the pod pass, over loopback and to its own address', async () => {
    expect(await dial(pod, of.loopback, 8080)).toBe('pod, direct')
    expect(await dial(pod, podIp, 8080)).toBe('pod, direct')
  })

  test('a connection from outside arrives at the sidecar, for any port', async () => {
    for (const port of [8080, 22]) {
      const shown = formatSocketAddress({ ip: podIp, port })
      expect(await dial(peer, podIp, port)).toBe(`sidecar, inbound, for ${shown}`)
    }
  })

  test('the sidecar’s own listeners are reached as they are', async () => {
    for (const port of [ports.hbone, ports.metrics, ports.readiness]) {
      expect(await dial(peer, podIp, port)).toBe('pod, direct')
    }
  })

  test('a third address routed through the pod is not taken', async () => {
    const third = of.index ? 'fd99::1' : '10.99.0.1'
    const forwarding = of.index ? 'ipv6/conf/all/forwarding' : 'ipv4/ip_forward'
    within({ ...pod.standing, uid: 0 }, () => writeFileSync(`/proc/sys/net/${forwarding}`, '1'))
    await peer.run(['ip', 'route', 'add', third, 'via', podIp], { uid: 0 })
    const taken = seen.length
    await expect(dial(peer, third, 8080)).rejects.toThrow(/EHOSTUNREACH|ENETUNREACH|did not answer/)
    expect(seen.slice(taken)).toEqual([])
  })

  test('the canary of the outbound side comes back to the sidecar that dialled it', async () => {
    const shown = formatSocketAddress({ ip: of.loopback as IpAddress, port: ports.canary })
    expect(await dial(pod, of.loopback, ports.canary, sidecarUid)).toBe(`sidecar, outbound, for ${shown}`)
    await pod.redirect(['--cleanup'])
    await expect(dial(pod, of.loopback, ports.canary, sidecarUid)).rejects.toThrow('ECONNREFUSED')
  })

  test('the canary’s port at the pod’s own address is refused at once, and leads nobody back to the sidecar', async () => {
    const taken = seen.length
    for (const ip of of.index ? [podIp] : [podIp, '127.0.0.2']) {
      for (const uid of [1000, sidecarUid]) {
        await expect(dial(pod, ip, ports.canary, uid)).rejects.toThrow('ECONNREFUSED')
      }
    }
    expect(seen.slice(taken)).toEqual([])
  })

  test('the canary of the inbound side is answered through redirection only', async () => {
    const shown = formatSocketAddress({ ip: podIp, port: ports.canary })
    expect(await dial(peer, podIp, ports.canary)).toBe(`sidecar, inbound, for ${shown}`)
    await pod.redirect(['--cleanup'])
    await expect(dial(peer, podIp, ports.canary)).rejects.toThrow('ECONNREFUSED')
  })

  test('excluded ports go straight to the application, in and out', async () => {
    await pod.redirect([], { WEFT_EXCLUDE_INBOUND_PORTS: '9100', WEFT_EXCLUDE_OUTBOUND_PORTS: '3306' })
    expect(await dial(peer, podIp, 9100)).toBe('pod, direct')
    expect(await dial(pod, peerIp, 3306)).toBe('peer, direct')
    expect(await dial(pod, peerIp, 8080)).toContain('sidecar, outbound')
  })

  test('excluded ranges are dialled without the sidecar', async () => {
    await pod.redirect([], { WEFT_EXCLUDE_OUTBOUND_CIDRS: `192.0.2.0/24,fd12::/48,${peerIp}` })
    expect(await dial(pod, peerIp, 8080)).toBe('peer, direct')
    expect(await dial(pod, of.index ? 'fd13::1' : '192.0.3.1', 8080)).toContain('sidecar, outbound')
  })

  test('cloud metadata and link-local addresses are never captured', async () => {
    for (const ip of of.index ? ['fd00:ec2::254'] : ['169.254.169.254', '169.254.0.1']) {
      await expect(dial(pod, ip, 80)).rejects.toThrow(/EHOSTUNREACH|ENETUNREACH/)
    }
  })
})

/** What the sidecar's listeners were told, in order. */
const seen: string[] = []

/** A listener that tells each client who it is and where the kernel says that the client was going. */
async function reports(workload: Workload, port: number, host: string, who: string): Promise<void> {
  const server = createServer((socket) => {
    const report = `${who}, ${destinationOf(socket)}`
    if (who.startsWith('sidecar')) seen.push(report)
    socket.on('error', () => {}).end(report)
  })
  await workload.listen(server, port, host)
}

function destinationOf(socket: Socket): string {
  try {
    return `for ${formatSocketAddress(originalDestination(socket))}`
  } catch {
    return 'direct'
  }
}
