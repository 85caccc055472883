import type { RegistryState } from '../model/registry-state.ts'

/** Where the control plane learns of workloads, services and policies: a file now, Kubernetes later. */
export interface Registry {
  /**
   * Yields the whole state as soon as a good one is known, then again after each change. A slow reader finds only
   * the newest state, so nothing queues. Ends when the signal aborts; bad input never ends it, and never yields.
   */
  watch(signal: AbortSignal): AsyncIterable<RegistryState>
}
