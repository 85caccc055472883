import { expect, test } from 'vitest'
import { connectionsThatFit } from './open-files.ts'

test('as many as asked for, or as have two files each', () => {
  expect(connectionsThatFit(10_000, 65_536)).toBe(10_000)
  expect(connectionsThatFit(10_000, 20_000)).toBe(9_750)
  expect(connectionsThatFit(1_000, 20_000)).toBe(1_000)
})
