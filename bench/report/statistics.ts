/** The middle of what was measured and the quarter on either side of it. */
export interface Spread {
  readonly median: number
  readonly p25: number
  readonly p75: number
  /** How many values it is of. */
  readonly rounds: number
}

/** Undefined for no values. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  return {
    median: quantileOfSorted(sorted, 0.5),
    p25: quantileOfSorted(sorted, 0.25),
    p75: quantileOfSorted(sorted, 0.75),
    rounds: sorted.length,
  }
}

/** NaN for no values. */
export function median(values: readonly number[]): number {
  return spread(values)?.median ?? Number.NaN
}

/** Interpolates between the two nearest values, as most tools do; `sorted` is ascending and not empty. */
function quantileOfSorted(sorted: readonly number[], quantile: number): number {
  const at = (sorted.length - 1) * quantile
  const below = sorted[Math.floor(at)]!
  const above = sorted[Math.ceil(at)]!
  return below + (above - below) * (at - Math.floor(at))
}
