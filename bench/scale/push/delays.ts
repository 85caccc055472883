/** When changes reached their clients. Index: the pod that changed, which changes once a round. */
export interface Arrivals {
  /** When the last client had it, by the clock of `clock.ts`; 0 for none. */
  readonly last: Float64Array
  /** How many clients had it. */
  readonly count: Uint32Array
}

export interface Change {
  /** Index of the pod. */
  readonly pod: number
  /** When it was due, by the clock of `clock.ts`: a control plane that is late does not stop the clock. */
  readonly due: number
  /** How many clients must hear of it. */
  readonly interested: number
}

export interface Delays {
  /** Milliseconds from change to last interested client, ascending; only of changes that reached all of them. */
  readonly sorted: readonly number[]
  /** Changes that did not. */
  readonly lost: number
}

/** Milliseconds that each change took to the last client that must hear of it. */
export function delaysOf(changes: readonly Change[], { last, count }: Arrivals): Delays {
  const heard = changes.filter(({ interested }) => interested > 0)
  const whole = heard.filter(({ pod, interested }) => count[pod]! >= interested)
  return {
    sorted: whole.map(({ pod, due }) => last[pod]! - due).sort((a, b) => a - b),
    lost: heard.length - whole.length,
  }
}

/** The smallest value that so great a part of all values does not exceed; NaN for none. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN
}

export function noArrivals(pods: number): Arrivals {
  return { last: new Float64Array(pods), count: new Uint32Array(pods) }
}

/** Adds what another group of clients heard. */
export function merge(into: Arrivals, more: Arrivals): void {
  for (let pod = 0; pod < into.last.length; pod++) {
    into.last[pod] = Math.max(into.last[pod]!, more.last[pod]!)
    into.count[pod] = into.count[pod]! + more.count[pod]!
  }
}
