import { describe, expect, test } from 'vitest'
import { lacks } from '#test/harness/requirements.ts'
import { soak } from '#test/soak/soak.ts'

// The short form of `npm run soak`.
describe.skipIf(lacks('soak'))('soak', () => {
  test('a minute of churn leaves descriptors, memory and connections where they were', {
    timeout: 180_000,
  }, async () => {
    const report = await soak({ minutes: 1 })
    expect(report.problems).toEqual([])
    expect(report.churn.connections).toBeGreaterThan(50)
    expect(report.churn.restarts).toBe(1)
  })
})
