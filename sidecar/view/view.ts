import type { Authorization } from '#mesh/policy/authorization.ts'
import type { ConnectionFacts, Decision } from '#mesh/policy/decision.ts'
import { evaluate, type WorkloadPolicies, workloadPolicies } from '#mesh/policy/evaluate.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import { createSnapshot, type Snapshot } from '#mesh/snapshot.ts'
import type { Service, ServiceKey, Workload } from '#mesh/workload.ts'
import type { TrustBundle } from './trust-bundle.ts'

/** The sidecar's picture of the mesh at one moment. */
export interface Picture extends Snapshot {
  /** This pod as the control plane knows it. */
  readonly own: Workload | undefined
  readonly trust: TrustBundle | undefined
  /** Whether the mesh's settings have arrived. */
  readonly settled: boolean
  /**
   * Whether everything was told once, so that who is not here is not there: this pod's own workload comes last. It stays
   * so when the pod goes and serves its last connections.
   */
  readonly complete: boolean
  /** The policies that hold on this pod. */
  readonly policies: WorkloadPolicies
}

/** What one response of the control plane changes. Later entries of a list win. */
export interface Update {
  readonly settings?: MeshSettings
  readonly trust?: TrustBundle
  readonly workloads?: readonly Workload[]
  readonly services?: readonly Service[]
  readonly authorizations?: readonly Authorization[]
  /** Names of workloads, services and authorizations that are no more. */
  readonly removedAddresses?: readonly string[]
  readonly removedAuthorizations?: readonly string[]
}

export interface ViewOptions {
  readonly ownUid: string
}

/** Holds the current picture. One writer, the discovery client; everybody else reads `current()`. */
export class View {
  readonly #ownUid: string
  readonly #listeners = new Set<() => void>()
  #current: Picture

  constructor({ ownUid }: ViewOptions) {
    this.#ownUid = ownUid
    this.#current = this.#picture({
      settings: nothingSettled,
      trust: undefined,
      settled: false,
      complete: false,
      workloads: new Map(),
      services: new Map(),
      authorizations: new Map(),
    })
  }

  /** The name of this pod's own Workload resource. */
  get ownUid(): string {
    return this.#ownUid
  }

  current(): Picture {
    return this.#current
  }

  /** Replaces the picture, whole, and tells everybody. */
  apply(update: Update): void {
    const before = this.#current
    this.#current = this.#picture(
      {
        settings: update.settings ?? before.settings,
        settled: before.settled || update.settings !== undefined,
        complete: before.complete,
        trust: update.trust ?? before.trust,
        workloads: merge(
          before.workloads,
          update.workloads,
          (workload) => workload.uid,
          update.removedAddresses,
        ),
        services: merge(before.services, update.services, (service) => service.key, update.removedAddresses),
        authorizations: merge(
          before.authorizations,
          update.authorizations,
          (authorization) => authorization.key,
          update.removedAuthorizations,
        ),
      },
      before,
    )
    for (const listener of this.#listeners) listener()
  }

  /** Calls the listener after every change; answers what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #picture(
    parts: {
      settings: MeshSettings
      settled: boolean
      complete: boolean
      trust: TrustBundle | undefined
      workloads: ReadonlyMap<string, Workload>
      services: ReadonlyMap<ServiceKey, Service>
      authorizations: ReadonlyMap<string, Authorization>
    },
    before?: Picture,
  ): Picture {
    const own = parts.workloads.get(this.#ownUid)
    const names = own?.authorizationPolicies ?? []
    const policies = workloadPolicies(names, parts.authorizations, before?.policies)
    return {
      ...createSnapshot(parts),
      own,
      policies,
      trust: parts.trust,
      settled: parts.settled,
      complete: parts.complete || (parts.settled && own !== undefined),
    }
  }
}

/** What the pod still waits for before anything is routed; undefined when nothing. */
export function missingForRoutes({ settled, complete }: Picture): string | undefined {
  if (!settled) return 'the mesh’s settings'
  return complete ? undefined : 'its own workload, with which it has heard of everybody'
}

/** What the pod still waits for before it may admit anybody; undefined when nothing. */
export function missingPart(picture: Picture): string | undefined {
  if (!picture.settled) return 'the mesh’s settings'
  if (!picture.own) return 'its own workload'
  if (!picture.trust) return 'the trust bundle'
  // Which one is nobody else's business: the probes tell this to whoever asks.
  return picture.policies.missing.length > 0 ? 'a policy that holds on it' : undefined
}

/** The verdict on a connection under the picture as it is now. */
export function judge(picture: Picture, facts: ConnectionFacts): Decision {
  return evaluate(facts, picture.policies)
}

const nothingSettled: MeshSettings = {
  network: '',
  networks: [],
  egress: 'registry-only',
  rejectPlaintextFromMesh: true,
  sidecarScope: 'mesh',
}

function merge<T>(
  before: ReadonlyMap<string, T>,
  added: readonly T[] = [],
  key: (item: T) => string,
  removed: readonly string[] = [],
): ReadonlyMap<string, T> {
  if (added.length === 0 && !removed.some((name) => before.has(name))) return before
  const after = new Map(before)
  for (const name of removed) after.delete(name)
  for (const item of added) after.set(key(item), item)
  return after
}
