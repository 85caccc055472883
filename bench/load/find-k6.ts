import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { commandVersion } from '../harness/command-version.ts'

/** The newest that Go's module proxy has been seen to serve whole. */
const version = 'v2.2.0'
const goModule = 'go.k6.io/k6/v2'

/**
 * The path of a k6: the one given, the first on the PATH, or one built from its Go module, once, into the user's cache.
 * Rejects with what to do when there is none and no Go to build it with.
 */
export async function findK6(
  given: string | undefined,
  say: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  if (given !== undefined) {
    if (isExecutable(given)) return given
    throw new Error(`--k6 ${given}: no such executable`)
  }
  const found = onPath('k6', env)
  if (found !== undefined) return found
  const cache = join(
    env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache'),
    'weft',
    `k6-${version}`,
  )
  const built = join(cache, 'k6')
  if (isExecutable(built)) return built
  const go = onPath('go', env) ?? onPath('go', { PATH: '/usr/local/go/bin' })
  if (go === undefined) {
    throw new Error(
      'no k6 here: put it on the PATH, pass --k6 PATH, or install Go and it is built from its module',
    )
  }
  say(`building k6 ${version} from its Go module into ${cache}, once; this takes some minutes`)
  await build(go, cache, built)
  return built
}

/** `k6 v2.2.0`, as it says itself. */
export function k6Version(k6: string): string {
  const answer = commandVersion(k6, ['version'], /k6 v\S+/, 'k6')
  return answer.kind === 'available' ? answer.version : 'k6 of unknown version'
}

// From a module that requires it: `go install module@version` asks for the newest version too, which may not be served.
async function build(go: string, cache: string, target: string): Promise<void> {
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'go.mod'), `module k6-of-the-bench\n\nrequire ${goModule} ${version}\n`)
  await run(go, ['build', '-mod=mod', '-trimpath', '-ldflags', '-s -w', '-o', target, goModule], cache)
  if (!existsSync(target)) throw new Error(`go build left no ${target}`)
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${errors.slice(-2_000)}`)
}

function onPath(command: string, env: NodeJS.ProcessEnv): string | undefined {
  const places = (env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, command))
  return places.find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
