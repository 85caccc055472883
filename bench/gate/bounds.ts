import * as v from 'valibot'
import { significant } from '../report/format.ts'
import { type Spread, spread } from '../report/statistics.ts'
import type { Sample } from '../scenarios/scenario.ts'

const ratio = v.pipe(v.number(), v.minValue(0))
const figures = ['p50Ms', 'perSecond', 'cpuMicrosPerRequest', 'cpuSecondsPerGigabyte'] as const
const common = {
  scenario: v.picklist(['latency-1000', 'churn', 'bulk-1']),
  figure: v.picklist(figures),
  /** How far noise may carry a good build past the bound. */
  margin: ratio,
}

/** A bound on weft's figure over the rival's, in the median of the rounds. */
const bound = v.union([
  v.strictObject({ ...common, atMost: ratio }),
  v.strictObject({ ...common, atLeast: ratio }),
])

const gate = v.strictObject({
  rounds: v.pipe(v.number(), v.integer(), v.minValue(1)),
  bounds: v.pipe(v.array(bound), v.minLength(1)),
})

export type Bound = v.InferOutput<typeof bound>
export type Gate = v.InferOutput<typeof gate>

export interface Judgement {
  readonly bound: Bound
  /** One ratio a round, in order. */
  readonly ratios: readonly number[]
  readonly spread: Spread
  readonly holds: boolean
}

/** Reads `gate.json`; throws with the place of what is wrong. */
export function parseGate(text: string): Gate {
  const parsed = v.safeParse(gate, JSON.parse(text))
  if (parsed.success) return parsed.output
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'gate.json'}: ${issue.message}`)
  throw new Error(`gate.json: ${problems.join('; ')}`)
}

/** Judges pairs of samples, weft's first, of which each is one round. Throws when there is none. */
export function judge(
  bound: Bound,
  rounds: ReadonlyArray<readonly [weft: Sample, rival: Sample]>,
): Judgement {
  const ratios = rounds.map(([weft, rival]) => valueOf(bound, weft) / valueOf(bound, rival))
  const middle = spread(ratios)
  if (!middle) throw new Error(`${bound.scenario} has no rounds to judge`)
  const holds =
    'atMost' in bound
      ? middle.median <= bound.atMost + bound.margin
      : middle.median >= bound.atLeast - bound.margin
  return { bound, ratios, spread: middle, holds }
}

/** One line that shows the noise as well. */
export function describeJudgement({ bound, ratios, spread: { median, p25, p75 }, holds }: Judgement): string {
  const { scenario, figure, margin } = bound
  const wanted =
    'atMost' in bound ? `at most ${bound.atMost} + ${margin}` : `at least ${bound.atLeast} - ${margin}`
  const noise = `${significant(p25)} to ${significant(p75)} of ${ratios.map(significant).join(' ')}`
  const verdict = holds ? 'holds' : 'FAILS'
  return `${verdict}  ${scenario} ${figure}: weft / HAProxy ${significant(median)} (${noise}), ${wanted}`
}

function valueOf({ figure }: Bound, { figures }: Sample): number {
  switch (figure) {
    case 'p50Ms':
    case 'perSecond':
      return figures[figure] ?? Number.NaN
    case 'cpuMicrosPerRequest':
      return mean(figures.clientCpuMicrosPerRequest, figures.serverCpuMicrosPerRequest)
    case 'cpuSecondsPerGigabyte':
      return mean(figures.clientCpuSecondsPerGigabyte, figures.serverCpuSecondsPerGigabyte)
  }
}

/** Of the client's proxy and the server's; not a number when one is missing. */
function mean(client = Number.NaN, server = Number.NaN): number {
  return (client + server) / 2
}
