import { describe, expect, test } from 'vitest'
import { kept } from './corpus.ts'
import { fuzz } from './driver.ts'
import { targets } from './targets.ts'

// A short run of what `npm run fuzz` does for as long as one likes; the corpus is fed whole.
describe('nothing that comes over the network breaks the decoder of', () => {
  test.each(targets)('$name', async (target) => {
    expect(kept(target.name).length).toBeGreaterThan(0)
    const seed = Date.now() % 2 ** 32
    const { finding, inputs, outcomes } = await fuzz(target, { seed, milliseconds: 500 })
    const input = finding?.input.toString('base64')
    expect(finding?.error, `seed ${seed}, input ${input}`).toBeUndefined()
    expect(inputs).toBeGreaterThan(10)
    // A target that answers the same to everything tries nothing.
    expect(outcomes.size).toBeGreaterThan(1)
  })
})

test('a finding is told with its input', async () => {
  const broken = {
    name: 'broken',
    seeds: () => [],
    run(input: Buffer) {
      if (input[0] === 0xff) throw new Error('it broke')
      return 'ok'
    },
  }
  const { finding } = await fuzz(broken, { seed: 1, milliseconds: 5_000 })
  expect(finding?.error.message).toBe('it broke')
  expect(finding?.input[0]).toBe(0xff)
})
