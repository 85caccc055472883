export interface Turn<T> {
  /** From 1. */
  readonly round: number
  readonly candidate: T
}

/** Interleaves candidates, every second round in reverse (A B C, C B A), so that no drift of the machine favours one. */
export function interleave<T>(candidates: readonly T[], rounds: number): Turn<T>[] {
  return Array.from({ length: rounds }, (_, n) => {
    const order = n % 2 === 0 ? candidates : candidates.toReversed()
    return order.map((candidate) => ({ round: n + 1, candidate }))
  }).flat()
}
