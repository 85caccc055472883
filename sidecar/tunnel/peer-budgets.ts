import { Budget } from './frames/budget.ts'
import type { PeerGuard, StreamRefusal } from './frames/peer-guard.ts'

export interface PeerLimits {
  /** Streams that one peer may reset: so many at once, and so many a second in the long run. */
  readonly resetBurst: number
  readonly resetsPerSecond: number
  /** Streams of one peer that may wait for the application to be dialled. */
  readonly pendingDials: number
  /** Bytes of the process's buffers that one peer may fill. */
  readonly bufferedBytes: number
}

export const defaultPeerLimits: PeerLimits = {
  resetBurst: 10_000,
  resetsPerSecond: 1_000,
  pendingDials: 4_096,
  bufferedBytes: 16 * 1024 * 1024,
}

/** How long a peer's budget is remembered after its last tunnel: until it would be full again, in milliseconds. */
function memoryOf({ resetBurst, resetsPerSecond }: PeerLimits): number {
  return Math.ceil((resetBurst / resetsPerSecond) * 1_000)
}

/**
 * What each admitted peer may cost, over all its tunnels together. Beyond it the peer's new streams are refused; its
 * tunnels live on, since innocent streams are in them.
 */
export class PeerBudgets {
  readonly #limits: PeerLimits
  readonly #onRefused: (reason: StreamRefusal) => void
  readonly #peers = new Map<string, PeerBudget>()

  constructor(limits: PeerLimits, onRefused: (reason: StreamRefusal) => void) {
    this.#limits = limits
    this.#onRefused = onRefused
  }

  /** The budget of whoever this names; give it back with `leave` when its tunnel is gone. */
  join(name: string): PeerBudget {
    const budget = this.#peers.get(name) ?? new PeerBudget(this.#limits, this.#onRefused)
    this.#peers.set(name, budget)
    budget.tunnels += 1
    return budget
  }

  leave(name: string): void {
    const budget = this.#peers.get(name)
    if (!budget) return
    budget.tunnels -= 1
    if (budget.tunnels > 0) return
    const forget = (): void => {
      if (budget.tunnels === 0 && this.#peers.get(name) === budget) this.#peers.delete(name)
    }
    // Whoever only comes again must not find it full.
    setTimeout(forget, memoryOf(this.#limits)).unref()
  }

  /** Tunnels that somebody has now. */
  tunnelsOf(name: string): number {
    return this.#peers.get(name)?.tunnels ?? 0
  }

  get size(): number {
    return this.#peers.size
  }
}

/** What one peer may cost. */
export class PeerBudget implements PeerGuard {
  held = 0
  tunnels = 0
  readonly #limits: PeerLimits
  readonly #resets: Budget
  readonly #onRefused: (reason: StreamRefusal) => void
  #unanswered = 0

  constructor(limits: PeerLimits = defaultPeerLimits, onRefused: (reason: StreamRefusal) => void = () => {}) {
    this.#limits = limits
    this.#resets = new Budget(limits.resetBurst, limits.resetsPerSecond)
    this.#onRefused = onRefused
  }

  get overfull(): boolean {
    return this.held >= 2 * this.#limits.bufferedBytes
  }

  refusal(): StreamRefusal | undefined {
    if (this.#resets.exhausted) return 'reset_budget'
    if (this.#unanswered >= this.#limits.pendingDials) return 'pending_dials'
    return this.held >= this.#limits.bufferedBytes ? 'peer_buffers' : undefined
  }

  refused(reason: StreamRefusal): void {
    this.#onRefused(reason)
  }

  wasted(): void {
    this.#resets.take()
  }

  unanswered(change: 1 | -1): void {
    this.#unanswered += change
  }
}
