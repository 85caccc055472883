import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Sample } from '../scenarios/scenario.ts'
import { type Bound, describeJudgement, judge, parseGate } from './bounds.ts'

const latency: Bound = { scenario: 'latency-1000', figure: 'p50Ms', atMost: 1.2, margin: 0.3 }
const churn: Bound = { scenario: 'churn', figure: 'perSecond', atLeast: 3, margin: 1 }

const rounds = (figure: 'p50Ms' | 'perSecond', ...pairs: [number, number][]) => {
  return pairs.map(([weft, rival]): [Sample, Sample] => [
    { figures: { [figure]: weft } },
    { figures: { [figure]: rival } },
  ])
}

describe('the gate', () => {
  test('compares round by round, and takes the middle', () => {
    const judgement = judge(latency, rounds('p50Ms', [2, 1], [3, 3], [6, 4]))
    expect(judgement).toMatchObject({ ratios: [2, 1, 1.5], spread: { median: 1.5 }, holds: true })
  })

  test('fails beyond the margin, either way', () => {
    expect(judge(latency, rounds('p50Ms', [1.51, 1])).holds).toBe(false)
    expect(judge(churn, rounds('perSecond', [2, 1])).holds).toBe(true)
    expect(judge(churn, rounds('perSecond', [1.9, 1])).holds).toBe(false)
  })

  test('does not hold when a figure is missing', () => {
    expect(judge({ ...latency, figure: 'cpuMicrosPerRequest' }, rounds('p50Ms', [1, 1])).holds).toBe(false)
  })

  test('shows the noise', () => {
    expect(describeJudgement(judge(churn, rounds('perSecond', [2, 1], [4, 1], [6, 1])))).toBe(
      'holds  churn perSecond: weft / HAProxy 4.00 (3.00 to 5.00 of 2.00 4.00 6.00), at least 3 - 1',
    )
  })

  test('what is committed can be read', () => {
    expect(parseGate(readFileSync(new URL('../gate.json', import.meta.url), 'utf8')).rounds).toBeGreaterThan(
      2,
    )
  })

  test('a mistake in it is named', () => {
    expect(() => parseGate('{"rounds": 0, "bounds": []}')).toThrow(/rounds: .*; bounds: /)
  })
})
