import { expect, test } from 'vitest'
import { parseRunDelay } from './waiting.ts'

test('the time in the run queue is the second number, in milliseconds', () => {
  expect(parseRunDelay('1204000000 35000000 812\n')).toBe(35)
  expect(() => parseRunDelay('')).toThrow('not a schedstat: ""')
})
