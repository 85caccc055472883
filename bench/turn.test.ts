import { describe, expect, test } from 'vitest'
import type { Stand } from './harness/stand.ts'
import { Progress } from './progress.ts'
import { InvalidMeasurement, type Sample, type Scenario } from './scenarios/scenario.ts'
import { takeTurn } from './turn.ts'

const weft = { peer: { name: 'weft' }, pair: {} } as Stand
const good: Sample = { figures: { perSecond: 5 } }

describe('a turn', () => {
  test('is taken once when it is valid', async () => {
    const { kinds, said } = await take([good])
    expect(kinds).toEqual(['valid'])
    expect(said).toEqual(['1/1 churn           round 2  weft           perSecond 5.00'])
  })

  test('is taken again when it is not, and says so loudly', async () => {
    const { kinds, said } = await take([new InvalidMeasurement('3 requests failed'), good])
    expect(kinds).toEqual(['invalid', 'valid'])
    expect(said[0]).toBe('    INVALID, weft takes this turn again: 3 requests failed')
  })

  test('is given up after three attempts', async () => {
    const { kinds, said } = await take([new Error('a'), new Error('b'), new Error('c'), good])
    expect(kinds).toEqual(['invalid', 'invalid', 'invalid'])
    expect(said.at(-1)).toContain('INVALID: Error: c')
  })

  test('is not blamed on the peer when the run is being ended', async () => {
    await expect(
      take([new Error('its processes are gone')], AbortSignal.abort(new Error('interrupted'))),
    ).rejects.toThrow('interrupted')
  })
})

async function take(outcomes: (Sample | Error)[], signal = new AbortController().signal) {
  const scenario: Scenario = {
    name: 'churn',
    proxiesOnly: false,
    async measure() {
      const outcome = outcomes.shift()!
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  }
  const said: string[] = []
  const progress = new Progress((line) => said.push(line))
  progress.expect(1)
  const taken = await takeTurn(scenario, weft, { round: 2, progress, signal })
  return { kinds: taken.map(({ outcome }) => outcome.kind), said }
}
