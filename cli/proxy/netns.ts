import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { nearestName } from '#mesh/policy/schema/nearest-name.ts'
import { Failure } from '../failure.ts'

/** Where `ip netns` keeps the namespaces that it names. */
const directory = '/run/netns'

/**
 * Does the work here, or has this very command line, and what is to be added to it, done again inside the network
 * namespace that is named.
 */
export async function insideNetns(
  netns: string | undefined,
  work: () => Promise<number>,
  added: readonly string[] = [],
): Promise<number> {
  if (netns === undefined) return await work()
  if (process.getuid?.() !== 0) throw failure('--netns needs root: run it with sudo', 1)
  const known = namedNamespaces()
  if (!known.includes(netns)) throw unknown(netns, known)
  return await runInside(netns, [...withoutNetns(process.argv.slice(2)), ...added])
}

/** The command line without the option that led here. */
export function withoutNetns(argv: readonly string[]): string[] {
  return argv.filter(
    (word, i) => word !== '--netns' && !word.startsWith('--netns=') && argv[i - 1] !== '--netns',
  )
}

function runInside(netns: string, argv: readonly string[]): Promise<number> {
  const command = [process.execPath, ...process.execArgv, process.argv[1]!, ...argv]
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  const child = spawn('ip', ['netns', 'exec', netns, ...command], {
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'ENOENT' ? 'ip is not installed: install iproute2' : cause.message
      reject(failure(`--netns ${netns}: ${reason}`, 1, cause))
    })
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

function namedNamespaces(): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function unknown(netns: string, known: readonly string[]): Failure {
  const nearest = nearestName(netns, known)
  const meant = nearest === undefined ? 'see ip netns list' : `did you mean ${nearest}?`
  return failure(`--netns ${JSON.stringify(netns)}: there is no network namespace of that name: ${meant}`, 2)
}

function failure(message: string, status: 1 | 2, cause?: unknown): Failure {
  return new Failure(`weft proxy: ${message}`, { status, cause })
}
