import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ground } from './ground.ts'
import { type Patience, until } from './until.ts'

export interface Launch {
  /** What errors call it. */
  readonly name: string
  readonly command: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

export interface Exit {
  /** The exit status, null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process of the mesh: started by us, ended by its own process group, with all its output at hand. */
export class RunningProcess implements AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** Lines of standard output so far. */
  readonly output: string[] = []
  /** Lines of standard error so far. */
  readonly errors: string[] = []
  readonly exited: Promise<Exit>
  #exit: Exit | undefined
  #asked = false
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, name: string, release: () => void) {
    this.name = name
    this.pid = child.pid!
    this.#child = child
    this.#read(child.stdout!, this.output)
    this.#read(child.stderr!, this.errors)
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        release()
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
  }

  /** Rejects when the command cannot be started at all. */
  static async start(ground: Ground, { name, command, env, cwd }: Launch): Promise<RunningProcess> {
    const [file, ...args] = command
    const child = spawn(file!, args, { env: env ?? process.env, cwd, detached: true, stdio: 'pipe' })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (cause) => reject(new Error(`${name}: ${file}: ${cause.message}`, { cause })))
    })
    child.on('error', () => {})
    child.stdin?.on('error', () => {})
    return new RunningProcess(child, name, ground.holds(child.pid!))
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  /** How it ended without having been asked to, as a crash does; undefined while it has not. */
  get crash(): string | undefined {
    if (!this.#exit || this.#asked) return undefined
    return `${this.name} ended by itself, ${describe(this.#exit)}${this.lastLines()}`
  }

  /** Standard input; what is written there after the process ended is lost. */
  get input(): NonNullable<ChildProcess['stdin']> {
    return this.#child.stdin!
  }

  /** Resolves with the first line of output that matches; rejects, with the last lines, when the process ends first. */
  async line(pattern: RegExp, patience: Patience = {}): Promise<string> {
    return await this.alive(
      `a line that matches ${pattern}`,
      () => this.output.find((line) => pattern.test(line)) ?? this.errors.find((line) => pattern.test(line)),
      patience,
    )
  }

  /** Repeats an attempt while the process runs; when it ends or time runs out the error has its last lines. */
  async alive<T>(what: string, attempt: () => T | Promise<T>, patience: Patience = {}) {
    const ended = new AbortController()
    void this.exited.then((exit) => ended.abort(new Error(`${this.name} ended, ${describe(exit)}`)))
    const signal = patience.signal ? AbortSignal.any([ended.signal, patience.signal]) : ended.signal
    try {
      return await until(what, attempt, { ...patience, signal })
    } catch (cause) {
      const reason: unknown = signal.aborted ? signal.reason : cause
      const message = reason instanceof Error ? reason.message : String(reason)
      throw new Error(`${this.name}: ${message}${this.lastLines()}`, { cause })
    }
  }

  /** Sends a signal to the process alone; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.running) return
    this.#asked ||= ending.includes(signal)
    process.kill(this.pid, signal)
  }

  /** SIGTERM to the whole group, SIGKILL after `grace` milliseconds. */
  async stop(grace = 3_000): Promise<Exit> {
    this.#signalGroup('SIGTERM')
    const patience = new AbortController()
    const late = sleep(grace, undefined, { signal: patience.signal }).then(
      () => this.#signalGroup('SIGKILL'),
      () => {},
    )
    const exit = await this.exited
    patience.abort()
    await late
    return exit
  }

  async kill(): Promise<Exit> {
    this.#signalGroup('SIGKILL')
    return await this.exited
  }

  /** For the end of an error message: what the process said last, on a line of its own. */
  lastLines(count = 15): string {
    const lines = [...this.output.slice(-count), ...this.errors.slice(-count)]
    return lines.length === 0 ? '\n(it wrote nothing)' : `\nits last lines:\n  ${lines.join('\n  ')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (!this.running) return
    this.#asked = true
    try {
      process.kill(-this.pid, signal)
    } catch {
      // It ended between the two lines.
    }
  }

  #read(stream: NodeJS.ReadableStream, lines: string[]): void {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      lines.push(line)
      if (process.env['WEFT_HARNESS_LOG']) process.stderr.write(`${this.name} | ${line}\n`)
    })
  }
}

const ending: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGKILL']

export function describe({ code, signal }: Exit): string {
  return signal ? `by ${signal}` : `with status ${code}`
}
