import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface Kubectl {
  readonly namespace?: string
  readonly input?: string
  /** Milliseconds; 60 s by default. */
  readonly timeout?: number
}

/** What kubectl could not do; the message is what it said. */
export class KubectlError extends Error {
  override readonly name = 'KubectlError'
}

/** Both outputs of a command that succeeded. */
export interface Said {
  readonly output: string
  readonly errors: string
}

/** Runs kubectl against the cluster under test; answers what it wrote to standard output. Throws KubectlError. */
export async function kubectl(args: readonly string[], options: Kubectl = {}): Promise<string> {
  return (await kubectlWith(args, options)).output
}

/** The same, with what it wrote to standard error, e.g. warnings of the API server. Throws KubectlError. */
export async function kubectlWith(
  args: readonly string[],
  { namespace, input = '', timeout = 60_000 }: Kubectl = {},
): Promise<Said> {
  const child = spawnKubectl(args, { ...(namespace && { namespace }), timeout })
  child.stdin.on('error', () => {}).end(input)
  const status = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await status) === 0) return { output, errors }
  throw new KubectlError(`kubectl ${args.join(' ')}: ${errors.trim() || 'no answer in time'}`)
}

/** Starts kubectl against the cluster under test. */
export function spawnKubectl(
  args: readonly string[],
  { namespace, timeout = 0 }: Omit<Kubectl, 'input'> = {},
): ChildProcessWithoutNullStreams {
  const context = process.env['WEFT_CLUSTER_CONTEXT']
  const common = [
    ...(context === undefined ? [] : ['--context', context]),
    ...(namespace === undefined ? [] : ['--namespace', namespace]),
  ]
  return spawn('kubectl', [...common, ...args], { stdio: 'pipe', timeout, killSignal: 'SIGKILL' })
}

/** Makes or changes these objects. */
export async function apply(documents: readonly object[], options: Kubectl = {}): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: documents }
  await kubectl(['apply', '-f', '-'], { ...options, input: JSON.stringify(list) })
}

/** Reads one object, or a list. */
export async function read<T>(args: readonly string[], options: Kubectl = {}): Promise<T> {
  return JSON.parse(await kubectl(['get', ...args, '-o', 'json'], options)) as T
}
