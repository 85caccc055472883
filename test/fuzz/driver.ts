import { kept } from './corpus.ts'
import { mutate } from './mutate.ts'
import { Random } from './random.ts'
import type { Target } from './target.ts'

/** No input may take longer unless its target says so, in milliseconds of processor time. */
const slowest = 1_000

export interface Run {
  readonly seed: number
  readonly milliseconds: number
}

export interface Findings {
  readonly inputs: number
  /** How often each outcome came. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly finding: Finding | undefined
}

export interface Finding {
  readonly input: Buffer
  readonly error: Error
}

/** Feeds a target its corpus, then what a seed makes of it, until time is up or something is found. */
export async function fuzz(target: Target, { seed, milliseconds }: Run): Promise<Findings> {
  const random = new Random(seed)
  const words = (target.words ?? []).map((word) => Buffer.from(word as string))
  // Only what is kept, so that a seed does the same again.
  const others = [...kept(target.name), Buffer.alloc(0)]
  const outcomes = new Map<string, number>()
  const deadline = performance.now() + milliseconds
  let inputs = 0
  const feed = async (input: Buffer): Promise<Finding | undefined> => {
    inputs += 1
    const before = process.cpuUsage()
    try {
      const outcome = await target.run(input)
      const times = outcomes.get(outcome) ?? 0
      outcomes.set(outcome, times + 1)
      // An input that leads to something new is worth changing further.
      if (times === 0 && !others.includes(input)) others.push(input)
    } catch (error) {
      return { input, error: error instanceof Error ? error : new Error(String(error)) }
    }
    const { user, system } = process.cpuUsage(before)
    const took = (user + system) / 1_000
    return took > (target.slowest ?? slowest)
      ? { input, error: new Error(`it took ${Math.round(took)} ms`) }
      : undefined
  }

  for (const input of others.slice()) {
    const finding = await feed(input)
    if (finding) return { inputs, outcomes, finding }
  }
  while (performance.now() < deadline) {
    const finding = await feed(mutate(random.of(others)!, random, { others, words }))
    if (finding) return { inputs, outcomes, finding }
  }
  return { inputs, outcomes, finding: undefined }
}
