import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Family } from './rules.ts'

/** One of the two ways into the kernel's packet filter; each sees only its own rules. */
export interface Backend {
  readonly kind: 'nft' | 'legacy'
  /** `iptables` or `iptables-nft`, to which `-save` and `-restore` are added; `ip6tables` likewise. */
  readonly commands: Readonly<Record<Family, string>>
}

/** Rules that could not be read or written, with what to do about it. */
export class RedirectionError extends Error {
  override readonly name = 'RedirectionError'
  /** `unsupported` is the one that another backend may not have. */
  readonly kind: 'missing' | 'forbidden' | 'unsupported'

  constructor(kind: RedirectionError['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** The installed backends, the one to try first ahead. Throws RedirectionError when there is none. */
export function installedBackends(): Backend[] {
  const order = legacyInUse('ipv4') ? (['legacy', 'nft'] as const) : (['nft', 'legacy'] as const)
  const found = order.map(installed).filter((backend) => backend !== undefined)
  if (found.length > 0) return found
  throw new RedirectionError(
    'missing',
    'iptables is not installed: install the package iptables (Debian: apt-get install iptables)',
  )
}

/**
 * What `iptables-save -t nat` prints. Legacy tables come into being when they are read, so one that nobody uses is not
 * asked. Throws RedirectionError.
 */
export function readRules(backend: Backend, family: Family): string {
  if (backend.kind === 'legacy' && !legacyInUse(family)) return ''
  return execute(backend, family, 'save', ['-t', 'nat'], '')
}

/** Feeds one transaction to the kernel: all of it holds afterwards, or nothing of it. Throws RedirectionError. */
export function writeRules(backend: Backend, family: Family, rules: string): void {
  execute(backend, family, 'restore', ['-w', '--noflush'], rules)
}

/** Whether this backend has the commands for that family. */
export function covers(backend: Backend, family: Family): boolean {
  return onPath(`${backend.commands[family]}-restore`)
}

// The tables that legacy iptables has in this namespace: the node's own choice shows there. Only root may read it.
function legacyInUse(family: Family): boolean {
  try {
    const names = family === 'ipv4' ? 'ip_tables_names' : 'ip6_tables_names'
    return readFileSync(`/proc/net/${names}`, 'utf8').split('\n').includes('nat')
  } catch {
    return false
  }
}

function execute(
  backend: Backend,
  family: Family,
  action: 'save' | 'restore',
  options: readonly string[],
  input: string,
): string {
  const command = `${backend.commands[family]}-${action}`
  const env = { ...process.env, PATH: searchPath.join(delimiter) }
  const { status, stdout, stderr, error } = spawnSync(command, options, { input, env, encoding: 'utf8' })
  if (status === 0) return stdout
  throw failure(command, error?.message ?? stderr.trim())
}

function failure(command: string, reason: string): RedirectionError {
  if (/permission denied|operation not permitted|must be root/i.test(reason)) {
    const need = 'run as root with the capabilities NET_ADMIN and NET_RAW in the pod’s network namespace'
    return new RedirectionError('forbidden', `${command}: ${reason}: ${need}`)
  }
  if (/lock file/i.test(reason)) {
    const need = 'mount a writable directory on /run, or name a writable file in XTABLES_LOCKFILE'
    return new RedirectionError('forbidden', `${command}: ${reason}: ${need}`)
  }
  return new RedirectionError('unsupported', `${command}: ${reason}`)
}

function installed(kind: Backend['kind']): Backend | undefined {
  if (onPath(`iptables-${kind}-restore`)) {
    return { kind, commands: { ipv4: `iptables-${kind}`, ipv6: `ip6tables-${kind}` } }
  }
  // Where there is only one backend it has the plain name, and its version line tells which it is.
  if (!onPath('iptables-restore')) return undefined
  const env = { ...process.env, PATH: searchPath.join(delimiter) }
  const version = spawnSync('iptables', ['--version'], { env, encoding: 'utf8' }).stdout ?? ''
  const plain = version.includes('nf_tables') ? 'nft' : 'legacy'
  return plain === kind ? { kind, commands: { ipv4: 'iptables', ipv6: 'ip6tables' } } : undefined
}

// A user's PATH often lacks the directories of system commands.
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']

function onPath(command: string): boolean {
  return searchPath.some((directory) => isExecutable(join(directory, command)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
