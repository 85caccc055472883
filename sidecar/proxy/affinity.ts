import type { SocketAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'
import type { Service } from '#mesh/workload.ts'

/** Services remembered before those whose time is over are forgotten. */
const sweepAt = 256

interface Kept {
  readonly uid: string
  /** Milliseconds on the clock. */
  readonly until: number
}

/**
 * Which endpoint this pod had last at a port of a service, where the service lets a client keep its own. The pod is the
 * one client that its sidecar ever has.
 */
export class Affinity {
  readonly #kept = new Map<string, Kept>()
  readonly #now: () => number

  /** `now` yields milliseconds that only ever grow. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The endpoint that the pod had last and may still have; undefined when it has no claim to any. */
  last(
    service: Service | undefined,
    destination: SocketAddress | undefined,
    endpoints: readonly Endpoint[],
  ): Endpoint | undefined {
    if (service?.affinity.kind !== 'client-ip') return undefined
    const kept = this.#kept.get(keyOf(service, destination))
    if (!kept || kept.until <= this.#now()) return undefined
    return endpoints.find(({ workload }) => workload?.uid === kept.uid)
  }

  /** Notes which endpoint it has now, for as long as the service says. */
  keep(service: Service | undefined, destination: SocketAddress | undefined, endpoint: Endpoint): void {
    if (service?.affinity.kind !== 'client-ip' || !endpoint.workload) return
    const now = this.#now()
    if (this.#kept.size >= sweepAt) this.#sweep(now)
    const until = now + service.affinity.seconds * 1_000
    this.#kept.set(keyOf(service, destination), { uid: endpoint.workload.uid, until })
  }

  #sweep(now: number): void {
    for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key)
  }
}

/** Ports of one service may have different endpoints. */
function keyOf({ key }: Service, destination: SocketAddress | undefined): string {
  return `${key}:${destination?.port ?? 0}`
}
