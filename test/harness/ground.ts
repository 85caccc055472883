import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const home = '/run/weft'

/**
 * Everything that one mesh put on this machine, under one prefix, so that all of it can be taken away: by `clear` in the
 * ordinary case, when this process ends otherwise, and by the next start when this process was killed.
 */
export class Ground {
  /** Four hexadecimal digits. */
  readonly id: string
  /** `weft-<id>-`: what every name given to the machine begins with. */
  readonly prefix: string
  /** Readable by everybody, gone after `clear`. */
  readonly directory: string
  readonly #processes = new Set<number>()

  constructor() {
    mkdirSync(home, { recursive: true, mode: 0o755 })
    sweep()
    this.id = freeId()
    this.prefix = `weft-${this.id}-`
    this.directory = join(home, this.id)
    writeState(this.id)
    mkdirSync(this.directory, { mode: 0o755 })
    watchOver(this)
  }

  /** Registers a process group to be killed with the rest; the answer takes it out again. */
  holds(group: number): () => void {
    this.#processes.add(group)
    return () => this.#processes.delete(group)
  }

  /** Asks every process to end, gives them `grace` milliseconds together, and clears. */
  async end(grace = 500): Promise<void> {
    for (const group of this.#processes) signalGroup(group, 'SIGTERM')
    const deadline = performance.now() + grace
    while (this.#processes.size > 0 && performance.now() < deadline) await sleep(5)
    this.clear()
  }

  /** Synchronous, since it must also work while this process ends. */
  clear(): void {
    for (const group of this.#processes) signalGroup(group, 'SIGKILL')
    this.#processes.clear()
    remove(this.id)
    unwatch(this)
  }
}

/** Takes away what meshes left whose owner is gone. */
export function sweep(): void {
  for (const name of readdirSync(home)) {
    const id = /^([0-9a-f]{4})\.json$/.exec(name)?.[1]
    if (id !== undefined && !hasOwner(id)) remove(id)
  }
}

const grounds = new Set<Ground>()
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function watchOver(ground: Ground): void {
  if (grounds.size === 0) {
    process.on('exit', clearAll)
    for (const signal of signals) process.on(signal, clearAndEnd)
  }
  grounds.add(ground)
}

function unwatch(ground: Ground): void {
  grounds.delete(ground)
  if (grounds.size > 0) return
  process.off('exit', clearAll)
  for (const signal of signals) process.off(signal, clearAndEnd)
}

function clearAll(): void {
  for (const ground of grounds) ground.clear()
}

/** Ends the process as the signal would have, unless somebody else listens and so decides what it means. */
function clearAndEnd(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  clearAll()
  process.kill(process.pid, signal)
}

function remove(id: string): void {
  const namespaces = namespacesOf(`weft-${id}-`)
  for (const namespace of namespaces) for (const pid of pidsIn(namespace)) signalGroup(pid, 'SIGKILL')
  if (namespaces.length > 0) {
    const input = namespaces.map((name) => `netns delete ${name}\n`).join('')
    spawnSync('ip', ['-force', '-batch', '-'], { input })
  }
  rmSync(join(home, id), { recursive: true, force: true })
  rmSync(stateFile(id), { force: true })
}

function namespacesOf(prefix: string): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(prefix)) : []
}

function pidsIn(namespace: string): number[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' })
  return (stdout ?? '').split('\n').filter(Boolean).map(Number)
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal)
      return
    } catch {
      // No such group: the process is in somebody else's, or has ended.
    }
  }
}

function freeId(): string {
  for (;;) {
    const id = randomBytes(2).toString('hex')
    if (!existsSync(stateFile(id))) return id
  }
}

function stateFile(id: string): string {
  return join(home, `${id}.json`)
}

// Renamed into place, so that nobody who sweeps finds half of it and takes the mesh for an orphan.
function writeState(id: string): void {
  const draft = join(home, `.${id}.${process.pid}`)
  writeFileSync(draft, JSON.stringify({ owner: process.pid, started: startTime(process.pid) }))
  renameSync(draft, stateFile(id))
}

function hasOwner(id: string): boolean {
  try {
    const state = JSON.parse(readFileSync(stateFile(id), 'utf8')) as { owner: number; started: string }
    return startTime(state.owner) === state.started
  } catch {
    return false
  }
}

/** Tells a process from a later one with the same number. */
function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')')).split(' ')[20]!
}
