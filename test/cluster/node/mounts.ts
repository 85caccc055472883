import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './place.ts'

/**
 * What the kubelet would set for the whole machine when it starts. In the cluster's mount namespace they are plain files,
 * so that it finds and sets them there and the machine stays as it was.
 */
const machineSettings: readonly (readonly [file: string, value: string])[] = [
  ['vm/overcommit_memory', '1'],
  ['vm/panic_on_oom', '0'],
  ['kernel/panic', '10'],
  ['kernel/panic_on_oops', '1'],
  ['kernel/keys/root_maxkeys', '1000000'],
  ['kernel/keys/root_maxbytes', '25000000'],
]

/** Gives this mount namespace the cluster's own state directories; everything else is the machine's. */
export function makeMounts(place: Place): void {
  // Mounts that the kubelet makes for pods have to reach the container runtime.
  mount('--make-rshared', '/')
  for (const [original, ours] of place.replaced) mount('--bind', ours, original)
  for (const directory of ['/run/netns', '/run/lock', '/var/lib/cni', '/var/log/pods']) {
    mkdirSync(directory, { recursive: true })
  }
  // The machine's own resolver is out of reach; without one a name outside of the cluster fails at once.
  const resolver = join(place.config, 'resolv.conf')
  writeFileSync(resolver, '# nobody\n')
  mount('--bind', resolver, realpathSync('/etc/resolv.conf'))
  const settings = join(place.config, 'machine-settings')
  mkdirSync(settings, { recursive: true })
  for (const [name, value] of machineSettings) {
    const original = join('/proc/sys', name)
    if (!existsSync(original)) continue
    const ours = join(settings, name.replaceAll('/', '.'))
    writeFileSync(ours, `${value}\n`)
    mount('--bind', ours, original)
  }
}

/** Makes a control group for the cluster's pods, or for those of another node of it, in every hierarchy; answers its path. */
export function makeControlGroup(place: Place, node?: string): string {
  const path = join(`/weft-${place.name}`, node ?? '')
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, path), { recursive: true })
  return path
}

/** The mount points of the machine's control group hierarchies. */
export function hierarchies(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return mounts
    .map((line) => line.split(' '))
    .flatMap(([, point, type]) => (point && /^cgroup2?$/.test(type ?? '') ? [point] : []))
}

function mount(...args: readonly string[]): void {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
