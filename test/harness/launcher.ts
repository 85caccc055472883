import { chmodSync, chownSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ground } from './ground.ts'
import { type Exit, RunningProcess } from './process.ts'
import type { Standing } from './within.ts'

export interface Command {
  readonly name: string
  readonly standing: Standing
  /** `node` and `/checkout/...` stand for the running Node and for this checkout, where the process sees them. */
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface Finished extends Exit {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Starts processes inside namespaces as other users. The checkout may lie where no other user may look (below /root, say),
 * and Node inside the checkout; so each process gets a mount namespace of its own that shows both at a public path.
 */
export class Launcher {
  readonly #ground: Ground
  readonly #node: string

  constructor(ground: Ground) {
    this.#ground = ground
    this.#node = join(ground.directory, 'node')
    closeSync(openSync(this.#node, 'w'))
  }

  /** Rejects, with the remedy, when files of the checkout are closed to the users that the mesh runs as. */
  async check(standing: Standing): Promise<void> {
    const files = ['package.json', 'mesh/ports.ts', 'node_modules/koffi/package.json']
    const command = ['sh', '-c', files.map((file) => `test -r ${shown}/${file}`).join(' && ')]
    const { code } = await this.finish({ name: 'a look at the checkout', standing, command })
    if (code === 0) return
    throw new Error(`uid ${standing.uid} may not read the checkout's files: chmod -R go+rX ${checkout}`)
  }

  async start({ name, standing, command, env = {}, cwd }: Command): Promise<RunningProcess> {
    return await RunningProcess.start(this.#ground, {
      name,
      command: [...this.#inside(standing, cwd), ...command.map((word) => this.path(word))],
      env: { ...inherited(), NODE_COMPILE_CACHE: compileCache(standing.uid), ...env },
    })
  }

  /** Runs a command to its end; rejects only when it cannot be started or exceeds `timeout` milliseconds. */
  async finish(command: Command, { timeout = 20_000 } = {}): Promise<Finished> {
    await using process = await this.start(command)
    process.input.end()
    let late = false
    const timer = setTimeout(() => {
      late = true
      void process.kill()
    }, timeout)
    const exit = await process.exited
    clearTimeout(timer)
    if (late) throw new Error(`${command.name}: not done after ${timeout} ms${process.lastLines()}`)
    return { ...exit, stdout: process.output.join('\n'), stderr: process.errors.join('\n') }
  }

  /** Where a process of the mesh finds `node`, or a path that begins with `/checkout/`. */
  path(word: string): string {
    if (word === 'node') return this.#node
    return word.startsWith('/checkout/') ? join(shown, relative('/checkout', word)) : word
  }

  #inside({ namespace, uid }: Standing, cwd = '/'): string[] {
    const enter = ['nsenter', `--net=/run/netns/${namespace}`, '--', 'unshare', '--mount', '--']
    const show = 'mount --bind "$1" "$2"; mount --rbind "$3" "$4"; cd "$5"; shift 5; exec "$@"'
    const places = [process.execPath, this.#node, checkout, shown, cwd]
    // --pdeathsig: should this process be killed, its children go with it.
    const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--pdeathsig=KILL']
    const drop = uid === 0 ? [] : ['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs']
    return [...enter, 'sh', '-ec', show, 'sh', ...places, ...user, ...drop, '--']
  }
}

const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

// A directory that every Linux has, so that paths are the same in every mesh and compiled code is found again.
const shown = '/mnt'

/** Compiled once, a sidecar starts in half the time. Each user trusts only what it wrote itself. */
function compileCache(uid: number): string {
  const directory = join('node_modules/.cache/weft', `${uid}`)
  try {
    mkdirSync(join(checkout, directory), { recursive: true })
    chmodSync(join(checkout, directory), 0o700)
    chownSync(join(checkout, directory), uid, uid)
  } catch {
    // A checkout that cannot be written is compiled anew each time.
  }
  return join(shown, directory)
}

/** Nothing of this process's own settings reaches the mesh, apart from what finding commands needs. */
function inherited(): NodeJS.ProcessEnv {
  return { PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`, HOME: '/', LANG: 'C.UTF-8' }
}
