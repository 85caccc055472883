import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './place.ts'
import { plan } from './plan.ts'

/** Gives the node an address, and a default route into a link whose other end nobody reads. */
export function makeNetwork(): void {
  const commands = [
    'link set lo up',
    'link add name node0 type veth peer name nowhere',
    'link set nowhere up',
    'link set node0 up',
    `address add ${plan.node}/24 dev node0`,
    // A Service's address needs some route for the kernel to get as far as translating it.
    'route add default dev node0',
  ]
  execFileSync('ip', ['-batch', '-'], { input: commands.join('\n') })
  const settings: readonly (readonly [string, string])[] = [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/bridge/bridge-nf-call-iptables', '1'],
  ]
  for (const [name, value] of settings) writeFileSync(join('/proc/sys', name), value)
}

/** Writes how pods get their network; answers the directory. */
export function writeCniConfiguration(place: Place): string {
  const directory = join(place.config, 'cni')
  const list = {
    cniVersion: '1.0.0',
    name: 'weft-test',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        // A pod may reach itself through its Service.
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: plan.nodePods }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, '10-weft-test.conflist'), JSON.stringify(list, null, 2))
  return directory
}
