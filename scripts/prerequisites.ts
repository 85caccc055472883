// Sees to the system commands that the demo and the tests run, so that neither asks for set-up by hand.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Each command, or module of one, that may be asked for, and the Debian package that has it. */
const packages = {
  buildah: 'buildah',
  containerd: 'containerd',
  ctr: 'containerd',
  curl: 'curl',
  etcd: 'etcd-server',
  faketime: 'faketime',
  haproxy: 'haproxy',
  'host-local': 'containernetworking-plugins',
  ip: 'iproute2',
  ip6tables: 'iptables',
  iperf3: 'iperf3',
  iptables: 'iptables',
  mount: 'mount',
  nc: 'netcat-openbsd',
  nft: 'nftables',
  nginx: 'nginx',
  'ngx_stream_module.so': 'libnginx-mod-stream',
  nsenter: 'util-linux',
  openssl: 'openssl',
  prlimit: 'util-linux',
  prometheus: 'prometheus',
  'redis-benchmark': 'redis-tools',
  'redis-cli': 'redis-tools',
  'redis-server': 'redis-server',
  runc: 'runc',
  setpriv: 'util-linux',
  socat: 'socat',
  ss: 'iproute2',
  tcpdump: 'tcpdump',
  unshare: 'util-linux',
  wrk: 'wrk',
} as const

export type Command = keyof typeof packages

/** What the demo needs. */
export const demoCommands: readonly Command[] = [
  ...(['ip', 'iptables', 'ip6tables', 'tcpdump'] as const),
  ...(['mount', 'nsenter', 'setpriv', 'unshare'] as const),
]

/** What the tests need: the demo's, and clients and servers that nobody here wrote. */
export const testCommands: readonly Command[] = [
  ...demoCommands,
  ...(['curl', 'faketime', 'nc', 'nginx', 'openssl', 'prlimit'] as const),
  ...(['redis-cli', 'redis-server', 'socat', 'ss', 'wrk'] as const),
]

/** What the cluster suite needs beside Go, of which distributions carry old ones. */
export const clusterCommands: readonly Command[] = [
  ...(['ip', 'iptables', 'mount', 'nft', 'nginx', 'nsenter', 'openssl', 'prometheus', 'unshare'] as const),
  ...(['buildah', 'containerd', 'ctr', 'etcd', 'host-local', 'runc'] as const),
]

/** A command is missing and cannot be installed from here; the message has the line that does it. */
export class PrerequisiteError extends Error {
  override readonly name = 'PrerequisiteError'
}

/**
 * Installs the missing ones of these commands where the machine is Debian's kind and the user root, telling each step
 * through `say`. Throws PrerequisiteError with the one line to run where it is not, or where that failed.
 */
export async function ensurePrerequisites(
  names: readonly Command[],
  say: (line: string) => void = console.log,
): Promise<void> {
  const missing = missingCommands(names)
  if (missing.length === 0) return
  const wanted = [...new Set(missing.map((name) => packages[name]))]
  const line = installLine(wanted)
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new PrerequisiteError(`missing: ${missing.join(', ')}. Run this as root first:\n  ${line}`)
  }
  say(`installing ${wanted.join(', ')} for ${missing.join(', ')}`)
  await install(wanted, say)
  const still = missingCommands(names)
  if (still.length === 0) return
  throw new PrerequisiteError(`still missing after the installation: ${still.join(', ')}. Try:\n  ${line}`)
}

/** Those of the commands that are not on the PATH or where system commands are. */
export function missingCommands(names: readonly Command[]): Command[] {
  return names.filter((name) => !onPath(name))
}

/** The one line that installs what these commands need. */
export function installLineFor(names: readonly Command[]): string {
  return installLine([...new Set(names.map((name) => packages[name]))])
}

function installLine(wanted: readonly string[]): string {
  return `apt-get update && apt-get install --yes --no-install-recommends ${wanted.join(' ')}`
}

async function install(wanted: readonly string[], say: (line: string) => void): Promise<void> {
  const units = wanted.flatMap((name) => services[name] ?? [])
  systemctl(['mask', '--runtime'], units)
  try {
    say('apt-get update')
    await aptGet(['update'])
    say(`apt-get install ${wanted.join(' ')}`)
    await aptGet(['install', '--yes', '--no-install-recommends', ...wanted])
  } finally {
    systemctl(['unmask', '--runtime'], units)
    systemctl(['disable'], units)
  }
}

/** Packages that start a service when they are installed; none of them was here before. */
const services: Readonly<Record<string, readonly string[]>> = {
  containerd: ['containerd.service'],
  'etcd-server': ['etcd.service'],
  haproxy: ['haproxy.service'],
  iperf3: ['iperf3.service'],
  nftables: ['nftables.service'],
  nginx: ['nginx.service'],
  prometheus: ['prometheus.service'],
  'redis-server': ['redis-server.service'],
}

/** Under systemd a unit that is masked while its package is installed is not started by it. */
function systemctl(action: readonly string[], units: readonly string[]): void {
  if (units.length === 0 || !existsSync('/run/systemd/system')) return
  spawnSync('systemctl', [...action, ...units], { stdio: 'ignore' })
}

async function aptGet(args: readonly string[]): Promise<void> {
  // Where there is no systemd, a package's service is not started in run level 1.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const options = ['-q', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=120']
  const child = spawn('apt-get', [...options, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trimEnd().split('\n')))
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  if (status === 0) return
  const last = lines.slice(-15).join('\n  ')
  throw new PrerequisiteError(`apt-get ${args.join(' ')} ended with status ${status}:\n  ${last}`)
}

function onPath(command: string): boolean {
  const directories = (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/lib/cni', '/usr/lib/nginx/modules')
  return directories.some((directory) => {
    try {
      accessSync(join(directory, command), command.endsWith('.so') ? constants.R_OK : constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
