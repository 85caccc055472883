import type { Server, Socket } from 'node:net'
import type { IpAddress } from '#mesh/address.ts'
import { type HttpOptions, type HttpResponse, httpFrom } from './http.ts'
import type { Finished, Launcher } from './launcher.ts'
import { describe, type RunningProcess } from './process.ts'
import type { RegistryFile, WorkloadEntry } from './registry-file.ts'
import type { Sidecar } from './sidecar.ts'
import { connectFrom, listenIn } from './socket.ts'
import type { Standing } from './within.ts'

/** The user that applications run as: any but the sidecar's. */
export const applicationUid = 1000

export interface ApplicationOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The pod's own directory unless said otherwise. */
  readonly cwd?: string
  /** The application's user unless said otherwise; 0 is root. */
  readonly uid?: number
}

export interface WorkloadParts {
  readonly entry: WorkloadEntry
  readonly namespace: string
  readonly directory: string
  readonly addresses: readonly IpAddress[]
  readonly launcher: Launcher
  readonly registry: RegistryFile
}

/** A pod: a network namespace with addresses, perhaps a sidecar, and the applications that a test puts there. */
export class Workload {
  readonly name: string
  readonly addresses: readonly IpAddress[]
  /** Writable by its applications. */
  readonly directory: string
  /** What its applications run as; for sockets of the test's own. */
  readonly standing: Standing
  #sidecar: Sidecar | undefined
  #entry: WorkloadEntry
  readonly #launcher: Launcher
  readonly #registry: RegistryFile
  readonly #servers = new Set<Server>()

  constructor({ entry, namespace, directory, addresses, launcher, registry }: WorkloadParts) {
    this.name = entry.name
    this.addresses = addresses
    this.directory = directory
    this.standing = { namespace, uid: applicationUid }
    this.#entry = entry
    this.#launcher = launcher
    this.#registry = registry
  }

  get ip(): IpAddress {
    return this.addresses[0]!
  }

  get entry(): Readonly<WorkloadEntry> {
    return this.#entry
  }

  /** Throws for a workload outside the mesh. */
  get sidecar(): Sidecar {
    if (!this.#sidecar) throw new Error(`${this.name} has no sidecar: it is not meshed`)
    return this.#sidecar
  }

  set sidecar(sidecar: Sidecar) {
    this.#sidecar = sidecar
  }

  /** Starts an application that goes on running; `node` and `/checkout/...` are understood. */
  async start(command: readonly string[], options: ApplicationOptions = {}): Promise<RunningProcess> {
    return await this.#launcher.start(this.#command(command, options))
  }

  /** Starts a program of `test/harness/apps` and waits until it says that it listens. */
  async app(program: string, args: readonly string[] = []): Promise<RunningProcess> {
    const application = await this.start(['node', `/checkout/test/harness/apps/${program}.ts`, ...args])
    await application.line(/^listening/)
    return application
  }

  /** Runs a command to its end, whatever its status; rejects after `timeout` milliseconds, 20 s by default. */
  async attempt(
    command: readonly string[],
    { timeout, ...options }: ApplicationOptions & { readonly timeout?: number } = {},
  ): Promise<Finished> {
    return await this.#launcher.finish(
      this.#command(command, options),
      timeout === undefined ? {} : { timeout },
    )
  }

  /** Runs a command to its end and answers its standard output; rejects when its status is not 0. */
  async run(
    command: readonly string[],
    options: ApplicationOptions & { readonly timeout?: number } = {},
  ): Promise<string> {
    const finished = await this.attempt(command, options)
    if (finished.code === 0) return finished.stdout
    const said = [finished.stderr, finished.stdout].filter(Boolean).join('\n')
    throw new Error(
      `${this.name}: ${command.join(' ')} ended ${describe(finished)}: ${said || 'it wrote nothing'}`,
    )
  }

  /** Runs redirection here, as an init container does, and answers what it wrote; rejects when it fails. */
  async redirect(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<string> {
    return await this.run(['node', '/checkout/sidecar/redirection/main.ts', ...args], { env, uid: 0 })
  }

  /** One HTTP exchange from here, as an application would have it. */
  async http(url: string, options?: HttpOptions): Promise<HttpResponse> {
    return await httpFrom(this.standing, url, options)
  }

  /** A TCP connection from here to `ip:port`, its two directions ended independently. */
  async connect(target: string, options?: { readonly timeout?: number }): Promise<Socket> {
    return await connectFrom(this.standing, target, options)
  }

  /** Puts a server of the test itself on a port here; closed with the mesh. */
  async listen(server: Server, port: number, host: string = '0.0.0.0'): Promise<void> {
    await listenIn(this.standing, server, { port, host })
    this.#servers.add(server)
  }

  /** Changes what the registry says of it: labels, readiness, zone. */
  update(change: Partial<Omit<WorkloadEntry, 'name' | 'namespace'>>): void {
    this.#entry = { ...this.#entry, ...change }
    this.#registry.setWorkload(this.#entry)
  }

  /** Takes it out of the registry; what runs there goes on running. */
  unregister(): void {
    this.#registry.removeWorkload(this.#entry)
  }

  /** Closes the servers that `listen` took. */
  closeServers(): void {
    for (const server of this.#servers) server.close()
    this.#servers.clear()
  }

  #command(
    command: readonly string[],
    { env, cwd = this.directory, uid = applicationUid }: ApplicationOptions,
  ) {
    const name = `${this.name}: ${command.find((word) => word !== 'node') ?? ''}`
    return { name, standing: { ...this.standing, uid }, command, cwd, ...(env && { env }) }
  }
}
