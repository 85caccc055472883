import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { nodeFlags } from '#sidecar/node-flags.ts'
import { Capture } from './capture.ts'
import { ControlPlane } from './control-plane.ts'
import { Ground } from './ground.ts'
import { type ProbeAnswers, probeOnce, probeUntilReady } from './kubelet.ts'
import { Launcher } from './launcher.ts'
import { Network, plan } from './network.ts'
import type { RunningProcess } from './process.ts'
import {
  type AuthorizationPolicy,
  type MeshEntry,
  type PeerAuthentication,
  type PolicyEntry,
  RegistryFile,
  type ServiceEntry,
  type WorkloadEntry,
} from './registry-file.ts'
import { Sidecar } from './sidecar.ts'
import { applicationUid, Workload } from './workload.ts'

export interface MeshOptions {
  /** Where workloads, services and policies are made unless they say otherwise; `shop` by default. */
  readonly namespace?: string
  /** Give every pod and service an IPv6 address beside its IPv4 one. */
  readonly ipv6?: boolean
  /** The registry's `mesh` section. */
  readonly mesh?: MeshEntry
  /** Environment of the control plane, e.g. `{ WEFT_CERTIFICATE_LIFETIME: '1m' }`; `false` starts none. */
  readonly controlPlane?: Readonly<Record<string, string>> | false
  /** What the control plane is started as after `node`; its source by default. */
  readonly controlPlaneProgram?: string
  /** What a sidecar is started as after `node`; by default its source. The image's bundle is `dist/sidecar.mjs`. */
  readonly sidecarProgram?: readonly string[]
  /** Environment of every sidecar. */
  readonly sidecars?: Readonly<Record<string, string>>
}

export interface WorkloadOptions extends Partial<Omit<WorkloadEntry, 'name' | 'addresses'>> {
  /** Environment of its redirection, e.g. `{ WEFT_EXCLUDE_INBOUND_PORTS: '9100' }`; `false` leaves it out. */
  readonly redirection?: Readonly<Record<string, string>> | false
  /** Environment of its sidecar; `false` starts none: a test does, by `startSidecar` or `launchSidecar`. */
  readonly sidecar?: Readonly<Record<string, string>> | false
  /** Addresses of its own choice, also outside the mesh's networks. */
  readonly addresses?: readonly string[]
  /** False keeps it out of the registry: a machine that the mesh has never heard of. */
  readonly registered?: boolean
}

export type ServiceOptions = Partial<Omit<ServiceEntry, 'name' | 'addresses' | 'ports'>> & {
  readonly ports: ServiceEntry['ports']
  /** No virtual address: DNS answers with the pods' own. */
  readonly headless?: boolean
}

export interface Service {
  readonly name: string
  readonly namespace: string
  /** Virtual addresses; none when headless. */
  readonly addresses: readonly IpAddress[]
  /** The first virtual address. */
  readonly ip: IpAddress
  update(change: Partial<Omit<ServiceEntry, 'name' | 'namespace'>>): void
  remove(): void
}

export interface Policy extends Disposable {
  remove(): void
}

type Named<P extends PolicyEntry> = Omit<P, 'namespace'> & { namespace?: string }
export type PolicyOptions = Named<PeerAuthentication> | Named<AuthorizationPolicy>

/** Starts an empty mesh: network, registry file, control plane. Everything it made is gone once it is disposed. */
export async function startMesh(options: MeshOptions = {}): Promise<Mesh> {
  const ground = new Ground()
  try {
    const network = await Network.create(ground, { ipv6: options.ipv6 ?? false })
    const mesh = new Mesh(
      ground,
      network,
      options,
      await network.attach('control-plane', [
        address(plan.controlPlane),
        ...(network.ipv6 ? [address(plan.controlPlaneIpv6)] : []),
      ]),
    )
    await mesh.start()
    return mesh
  } catch (error) {
    ground.clear()
    throw error
  }
}

/** A mesh of network namespaces, and the words in which a test tells its story. */
export class Mesh implements AsyncDisposable {
  readonly registry: RegistryFile
  readonly controlPlane: ControlPlane
  readonly network: Network
  readonly #ground: Ground
  readonly #launcher: Launcher
  readonly #options: MeshOptions
  readonly #namespace: string
  readonly #workloads: Workload[] = []
  /** All that ever became ready. */
  readonly #sidecars: RunningProcess[] = []
  #services = 0
  #pods = 0

  /** Use `startMesh`, which makes and starts one. */
  constructor(ground: Ground, network: Network, options: MeshOptions, controlPlaneNamespace: string) {
    this.network = network
    this.#ground = ground
    this.#launcher = new Launcher(ground)
    this.#options = options
    this.#namespace = options.namespace ?? 'shop'
    const networks = network.ipv6 ? [plan.ipv4, plan.ipv6] : [plan.ipv4]
    this.registry = new RegistryFile(join(ground.directory, 'registry.yaml'), { networks, ...options.mesh })
    this.controlPlane = new ControlPlane({
      launcher: this.#launcher,
      namespace: controlPlaneNamespace,
      registry: this.registry.path,
      directory: ground.directory,
      env: options.controlPlane || {},
      program: options.controlPlaneProgram,
    })
  }

  async start(): Promise<void> {
    await Promise.all([
      this.#launcher.check({ ...this.network.node, uid: sidecarUid }),
      this.#options.controlPlane !== false && this.controlPlane.start(),
    ])
  }

  /** Makes a pod, and for a meshed one waits until its sidecar is ready. Its service account and label `app` are its name. */
  async workload(name: string, options: WorkloadOptions = {}): Promise<Workload> {
    const { redirection = {}, sidecar = {}, addresses: chosen, registered = true, ...entryOptions } = options
    const addresses = chosen?.map(address) ?? this.network.podAddresses(++this.#pods)
    const entry: WorkloadEntry = {
      name,
      namespace: this.#namespace,
      serviceAccount: name,
      labels: { app: name },
      meshed: registered,
      ready: true,
      ...entryOptions,
      addresses,
    }
    const namespace = await this.network.attach(`${entry.namespace}-${name}`, addresses)
    const workload = new Workload({
      entry,
      namespace,
      directory: this.#directoryFor(entry),
      addresses,
      launcher: this.#launcher,
      registry: this.registry,
    })
    this.#workloads.push(workload)
    if (registered) this.registry.setWorkload(entry)
    if (entry.meshed) {
      if (redirection) await workload.redirect([], redirection)
      if (sidecar) await this.startSidecar(workload, sidecar)
    }
    return workload
  }

  /** Starts a meshed workload's sidecar, also again after it ended, and waits until it is ready. */
  async startSidecar(
    workload: Workload,
    env: Readonly<Record<string, string>> = {},
    program?: readonly string[],
  ): Promise<void> {
    const { process } = await this.launchSidecar(workload, env, program)
    await probeUntilReady(this.network.node, workload.addresses, process).catch((error: Error) => {
      error.message += `\nand the control plane's ${this.controlPlane.process.lastLines(8).trim()}`
      throw error
    })
    this.#sidecars.push(process)
  }

  /** Starts a meshed workload's sidecar and waits for nothing: it may never become ready. */
  async launchSidecar(
    workload: Workload,
    env: Readonly<Record<string, string>> = {},
    program = this.#options.sidecarProgram ?? [...nodeFlags, '/checkout/sidecar/main.ts'],
  ): Promise<Sidecar> {
    const { entry, standing } = workload
    const process = await this.#launcher.start({
      name: `${entry.name}'s sidecar`,
      standing: { ...standing, uid: sidecarUid },
      command: ['node', ...program],
      env: {
        WEFT_POD_NAME: entry.name,
        WEFT_POD_NAMESPACE: entry.namespace,
        WEFT_SERVICE_ACCOUNT: entry.serviceAccount,
        WEFT_POD_IPS: workload.addresses.join(','),
        WEFT_TRUST_DOMAIN: this.#options.mesh?.trustDomain ?? 'cluster.local',
        WEFT_CONTROL_PLANE: `${plan.controlPlane}:${ports.controlPlane}`,
        WEFT_TRUST_BUNDLE: this.controlPlane.trustBundle,
        WEFT_TOKEN: await this.controlPlane.token(entry),
        ...this.#options.sidecars,
        ...env,
      },
    })
    workload.sidecar = new Sidecar(process, standing.namespace)
    return workload.sidecar
  }

  /** One look at a pod from outside, as a kubelet's: the startup probe first, then readiness. */
  async probe(workload: Workload): Promise<ProbeAnswers> {
    return await probeOnce(this.network.node, workload.ip)
  }

  /** Makes a service with a virtual address; it selects the label `app` with its own name unless told otherwise. */
  service(name: string, { headless = false, ...options }: ServiceOptions): Service {
    const addresses = headless ? [] : this.network.virtualAddresses(++this.#services)
    let entry: ServiceEntry = {
      name,
      namespace: this.#namespace,
      ...(options.endpoints ? {} : { selector: { app: name } }),
      ...options,
      addresses,
    }
    this.registry.setService(entry)
    return {
      name,
      namespace: entry.namespace,
      addresses,
      get ip() {
        if (addresses[0]) return addresses[0]
        throw new Error(`${name} is headless: dial its workloads`)
      },
      update: (change) => {
        entry = { ...entry, ...change }
        this.registry.setService(entry)
      },
      remove: () => this.registry.removeService(entry),
    }
  }

  /** Adds a policy, or replaces the one of that kind and name; the answer takes it away, also at the end of a scope. */
  policy(options: PolicyOptions): Policy {
    const entry: PolicyEntry = { namespace: this.#namespace, ...options }
    this.registry.setPolicy(entry)
    const remove = (): void => this.registry.removePolicy(entry)
    return { remove, [Symbol.dispose]: remove }
  }

  /** Records everything that passes the pod network from now on. */
  async capture(): Promise<Capture> {
    return await Capture.start(this.#launcher, this.network.node, join(this.#ground.directory))
  }

  /** Takes everything away. Rejects when a sidecar or the control plane had ended by itself: no test may hide that. */
  async [Symbol.asyncDispose](): Promise<void> {
    const crashes = [...this.#sidecars, ...this.controlPlane.processes].flatMap(({ crash }) => crash ?? [])
    for (const workload of this.#workloads) workload.closeServers()
    this.#sidecars.length = 0
    this.controlPlane.processes.length = 0
    await this.#ground.end()
    if (crashes.length > 0) throw new Error(crashes.join('\n'))
  }

  #directoryFor({ namespace, name }: WorkloadEntry): string {
    const directory = join(this.#ground.directory, `${namespace}-${name}`)
    mkdirSync(directory)
    chownSync(directory, applicationUid, applicationUid)
    return directory
  }
}

function address(text: string): IpAddress {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(`"${text}" is no IP address`)
  return ip
}
