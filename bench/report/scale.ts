/** Places a value between two ends of a drawing. */
export interface Scale {
  at(value: number): number
  /** Values worth a line and a number. */
  readonly ticks: readonly number[]
}

/** From zero, or from below it where values are, to a round number at or above the largest. */
export function linearScale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const lowest = Math.min(0, ...values)
  const highest = Math.max(0, ...values)
  // Below what can be divided further, all values are alike.
  const range = highest - lowest > 1e-12 ? highest - lowest : 1
  const step = roundStep(range / 5)
  const first = Math.floor(lowest / step)
  const last = Math.max(first + 1, Math.ceil(highest / step))
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step)
  const [low, high] = [first * step, last * step]
  return { ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) }
}

/** Powers of ten around positive values, with 2 and 5 times each as further ticks. */
export function logarithmicScale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const positive = values.filter((value) => value > 0)
  const candidates = Array.from({ length: 25 }, (_, n) => n - 12).flatMap((power) => {
    return [1, 2, 5].map((factor) => Number(`${factor}e${power}`))
  })
  const lowest = positive.length > 0 ? Math.min(...positive) : 1
  const highest = positive.length > 0 ? Math.max(...positive) : 10
  const low = candidates.findLast((tick) => tick <= lowest) ?? candidates[0]!
  const high = candidates.find((tick) => tick >= highest && tick > low) ?? candidates.at(-1)!
  const ticks = candidates.filter((tick) => tick >= low && tick <= high)
  const span = Math.log(high / low)
  return { ticks, at: (value) => from + (Math.log(Math.max(value, low) / low) / span) * (to - from) }
}

/** 1, 2 or 5 times a power of ten, not below the step asked for. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= step * 0.999)!
  return factor * power
}
