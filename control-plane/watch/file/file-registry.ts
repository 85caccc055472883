import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { type RegistryMetrics, registryMetrics } from '../metrics.ts'
import type { Registry } from '../registry.ts'
import { type ChangesOptions, changes } from './changes.ts'
import { parseRegistry } from './parse.ts'
import { formatProblem } from './problems.ts'

export interface FileRegistryOptions extends ChangesOptions {
  readonly file: string
  readonly log: Log
  readonly metrics: Metrics
}

/** A registry that is a YAML file. A file that is missing or bad is reported and watched until it is good. */
export function createFileRegistry({ file, log, metrics, ...options }: FileRegistryOptions): Registry {
  const measures = registryMetrics(metrics)
  return {
    async *watch(signal) {
      const loader = new Loader(file, log, measures)
      for await (const _ of changes(file, signal, options)) {
        const state = await loader.load()
        if (state) yield state
      }
    },
  }
}

/** Reads the file when asked, and remembers enough to stay silent while nothing changes. */
class Loader {
  readonly #file: string
  readonly #log: Log
  readonly #metrics: RegistryMetrics
  #seen: string | undefined
  #accepted: string | undefined

  constructor(file: string, log: Log, metrics: RegistryMetrics) {
    this.#file = file
    this.#log = log
    this.#metrics = metrics
  }

  /** The new state; undefined when the file says what it said before, or what cannot be accepted. */
  async load(): Promise<RegistryState | undefined> {
    const read = await readText(this.#file)
    const content = 'text' in read ? createHash('sha256').update(read.text).digest('hex') : read.problem
    if (content === this.#seen) return undefined
    this.#seen = content
    if ('problem' in read) return this.#reject([`${this.#file} ${read.problem}`])
    const parsed = parseRegistry(read.text)
    if ('problems' in parsed) {
      return this.#reject(parsed.problems.map((problem) => formatProblem(this.#file, problem)))
    }
    return this.#accept(parsed.state, content)
  }

  #accept(state: RegistryState, content: string): RegistryState | undefined {
    const { workloads, services, policies } = state
    const counts = { workloads: workloads.length, services: services.length, policies: policies.length }
    this.#log.info('registry file accepted', { file: this.#file, ...counts })
    this.#metrics.rejected.set(0)
    this.#metrics.loads.inc({ result: 'accepted' })
    // A bad edit that was taken back is no news.
    if (content === this.#accepted) return undefined
    this.#accepted = content
    return state
  }

  #reject(problems: readonly string[]): undefined {
    for (const problem of problems) this.#log.error('registry file refused', { problem })
    const meanwhile = this.#accepted ? 'the last good state stays' : 'waiting for a good file'
    this.#log.warn(meanwhile, { file: this.#file, problems: problems.length })
    this.#metrics.rejected.set(1)
    this.#metrics.loads.inc({ result: 'rejected' })
  }
}

async function readText(file: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'is missing: write it' }
    if (code === 'EACCES') return { problem: 'may not be read: give this user leave to' }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { problem: 'is not UTF-8: save it as UTF-8' }
    return { problem: `cannot be read: ${message}` }
  }
}
