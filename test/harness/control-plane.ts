import { chownSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ports } from '#mesh/ports.ts'
import { type HttpResponse, httpFrom } from './http.ts'
import type { Launcher } from './launcher.ts'
import { plan } from './network.ts'
import type { RunningProcess } from './process.ts'
import { connectFrom } from './socket.ts'
import type { Standing } from './within.ts'

/** Not root, and not the sidecars' user either, who must not be able to read its keys. */
export const controlPlaneUid = 65_532

export interface ControlPlaneOptions {
  readonly launcher: Launcher
  readonly namespace: string
  readonly registry: string
  /** Where its state directory is made. */
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  /** What it is started as after `node`; its source by default. */
  readonly program?: string | undefined
}

/** The mesh's control plane: one process that can be ended and started again on the same state. */
export class ControlPlane implements AsyncDisposable {
  readonly stateDirectory: string
  readonly trustBundle: string
  readonly #options: ControlPlaneOptions
  readonly #standing: Standing
  /** Every process that it has been, the last one last. */
  readonly processes: RunningProcess[] = []

  constructor(options: ControlPlaneOptions) {
    this.#options = options
    this.#standing = { namespace: options.namespace, uid: controlPlaneUid }
    this.stateDirectory = join(options.directory, 'control-plane')
    this.trustBundle = join(this.stateDirectory, 'trust-bundle.pem')
    mkdirSync(this.stateDirectory, { mode: 0o755 })
    chownSync(this.stateDirectory, controlPlaneUid, controlPlaneUid)
  }

  get process(): RunningProcess {
    const last = this.processes.at(-1)
    if (!last) throw new Error('the control plane was never started')
    return last
  }

  /** Resolves once it answers on its port. */
  async start(): Promise<void> {
    const { launcher, registry, env, program = '/checkout/control-plane/main.ts' } = this.#options
    const process = await launcher.start({
      name: 'control plane',
      standing: this.#standing,
      command: ['node', program],
      env: { WEFT_REGISTRY: registry, WEFT_STATE_DIR: this.stateDirectory, ...env },
    })
    this.processes.push(process)
    await process.alive(
      'the control plane to listen',
      async () => {
        const socket = await connectFrom(this.#standing, `${plan.controlPlane}:${ports.controlPlane}`)
        socket.destroy()
        return existsSync(this.trustBundle)
      },
      { timeout: 30_000 },
    )
  }

  /** SIGTERM, as an ordinary restart has it. */
  async stop(): Promise<void> {
    await this.processes.at(-1)?.stop()
  }

  /** SIGKILL: it has no time to say goodbye. */
  async kill(): Promise<void> {
    await this.processes.at(-1)?.kill()
  }

  /** The path of a workload's token; resolves once it was written. */
  async token({ namespace, name }: { readonly namespace: string; readonly name: string }): Promise<string> {
    const path = join(this.stateDirectory, 'tokens', namespace, name)
    await this.process.alive(`a token for ${namespace}/${name}`, () => existsSync(path))
    return path
  }

  /** Its log so far, a record a line. */
  get log(): Record<string, unknown>[] {
    return this.process.output.flatMap(parseRecord)
  }

  async metrics(): Promise<string> {
    const { body } = await this.#get('/metrics')
    return body
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #get(path: string): Promise<HttpResponse> {
    return await httpFrom(this.#standing, `http://127.0.0.1:15014${path}`)
  }
}

/** A line of a JSON log; nothing for any other line. */
export function parseRecord(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return []
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return []
  }
}
