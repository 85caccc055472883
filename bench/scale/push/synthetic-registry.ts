import { setTimeout as sleep } from 'node:timers/promises'
import type { RegistryState, RegistryWorkload } from '#control-plane/model/registry-state.ts'
import { registry } from '#control-plane/model/testing/registries.ts'
import { changesOf, type Source } from '#control-plane/watch/kubernetes/changes.ts'
import type { Registry } from '#control-plane/watch/registry.ts'
import { now } from '../clock.ts'
import type { Population } from '../population.ts'

export interface Churn {
  /** Pods that become ready or unready in a second. */
  readonly perSecond: number
  readonly seconds: number
}

export interface Changed {
  readonly pod: number
  readonly due: number
}

/** Milliseconds; what the Kubernetes registry waits for another change. */
const settle = 20

/** A large mesh that changes on command, batched as the Kubernetes registry batches what its watches tell. */
export class SyntheticRegistry implements Registry {
  readonly #population: Population
  readonly #scope: 'mesh' | 'namespace'
  readonly #workloads: RegistryWorkload[]
  readonly #listeners = new Set<() => void>()
  #next = 0

  constructor(population: Population, scope: 'mesh' | 'namespace') {
    this.#population = population
    this.#scope = scope
    this.#workloads = [...population.workloads]
  }

  async *watch(signal: AbortSignal): AsyncGenerator<RegistryState> {
    const source: Source = {
      listed: true,
      subscribe: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
    for await (const _ of changesOf([source], { signal, settle })) yield this.#state()
  }

  /** One pod after the other, at even distances; answers when each was due. */
  async churn({ perSecond, seconds }: Churn): Promise<Changed[]> {
    const total = Math.round(perSecond * seconds)
    const began = now()
    const dueOf = (n: number): number => began + (n * 1_000) / perSecond
    const changed: Changed[] = []
    while (changed.length < total) {
      for (
        let due = dueOf(changed.length);
        changed.length < total && due <= now();
        due = dueOf(changed.length)
      ) {
        changed.push({ pod: this.#toggleNext(), due })
      }
      for (const listener of this.#listeners) listener()
      await sleep(Math.max(1, dueOf(changed.length) - now()))
    }
    return changed
  }

  #toggleNext(): number {
    const index = this.#next
    const workload = this.#workloads[index]!
    this.#workloads[index] = { ...workload, ready: !workload.ready }
    this.#next = (index + 1) % this.#workloads.length
    return index
  }

  /** With the same objects for what did not change, as the Kubernetes registry has them. */
  #state(): RegistryState {
    const { services } = this.#population
    return registry({ mesh: { sidecarScope: this.#scope }, workloads: [...this.#workloads], services })
  }
}
