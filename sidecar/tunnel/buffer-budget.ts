/** What a new stream may be sent before its reader takes any of it, in bytes: the most, and the least. */
const largestWindow = 256 * 1024
const smallestWindow = 16 * 1024
/** A change of the window is told so late, in milliseconds: peers bear few SETTINGS, and connections come in bursts. */
const announceDelay = 50

/**
 * The memory that all tunnels of the process may keep for readers that do not take it. The more streams are open, the
 * less each may bring along, so that a thousand slow readers fit; when it is full nevertheless, nothing new is let in.
 */
export class BufferBudget {
  /** Bytes. */
  readonly limit: number
  #held = 0
  #streams = 0
  #window = largestWindow
  readonly #listeners = new Set<() => void>()
  readonly #lateListeners = new Set<() => void>()
  #announcing = false

  constructor(limit = 32 * 1024 * 1024) {
    this.limit = limit
    this.#fit()
  }

  /** Bytes that wait for a reader, or for a peer that takes them. */
  get held(): number {
    return this.#held
  }

  get streams(): number {
    return this.#streams
  }

  /** Whether nothing new may be let in. */
  get exhausted(): boolean {
    return this.#held >= this.limit
  }

  /**
   * Whether what waits must become less. Windows that were given when there was room may bring more than the limit, and
   * a peer that keeps to none of ours much more.
   */
  get overfull(): boolean {
    return this.#held >= 2 * this.limit
  }

  /** What every new stream may be sent at once, in bytes: 16 KiB to 256 KiB, a power of two. */
  get window(): number {
    return this.#window
  }

  /** A stream's part of half the budget, in bytes: the other half is for those that began when there were fewer. */
  get share(): number {
    return Math.max(smallestWindow, Math.floor(this.limit / 2 / Math.max(this.#streams, 1)))
  }

  /** Counts for one connection, and for whoever holds it. */
  account(owner?: BufferOwner): BufferAccount {
    return new BufferAccount((bytes, streams) => {
      this.#held += bytes
      if (owner) owner.held += bytes
      if (streams === 0) return
      this.#streams += streams
      this.#fit()
    })
  }

  /** Calls a listener whenever `window` has changed. */
  onWindow(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Calls a listener soon after `window` has changed, once for several changes; the answer ends that. */
  onSettledWindow(listener: () => void): () => void {
    this.#lateListeners.add(listener)
    return () => this.#lateListeners.delete(listener)
  }

  #fit(): void {
    const { share } = this
    // It grows only once it could do so twice, or a single stream that comes and goes would have all peers told.
    if (share >= this.#window && (share < this.#window * 4 || this.#window === largestWindow)) return
    const window = Math.min(largestWindow, Math.max(smallestWindow, 2 ** Math.floor(Math.log2(share))))
    if (window === this.#window) return
    this.#window = window
    for (const listener of this.#listeners) listener()
    if (this.#announcing) return
    this.#announcing = true
    setTimeout(() => {
      this.#announcing = false
      for (const listener of this.#lateListeners) listener()
    }, announceDelay).unref()
  }
}

/** Somebody whose part of the budget is known too. */
export interface BufferOwner {
  held: number
}

/** What one connection has in the budget. It is given back whole when the connection is gone. */
export class BufferAccount {
  readonly #change: (bytes: number, streams: number) => void
  #held = 0
  #streams = 0
  #closed = false

  constructor(change: (bytes: number, streams: number) => void) {
    this.#change = change
  }

  hold(bytes: number): void {
    if (this.#closed) return
    this.#held += bytes
    this.#change(bytes, 0)
  }

  stream(change: 1 | -1): void {
    if (this.#closed) return
    this.#streams += change
    this.#change(0, change)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#change(-this.#held, -this.#streams)
  }
}
