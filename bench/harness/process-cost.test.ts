import { expect, test } from 'vitest'
import { memoryOf, parseSchedulerTime, processorMicroseconds } from './process-cost.ts'

test('a process that works has had processor time, and has memory', () => {
  const before = processorMicroseconds(process.pid)
  const until = performance.now() + 30
  while (performance.now() < until);
  expect(processorMicroseconds(process.pid) - before).toBeGreaterThan(5_000)
  const { privateBytes, proportionalBytes } = memoryOf(process.pid)
  expect(privateBytes).toBeGreaterThan(5e6)
  expect(proportionalBytes).toBeGreaterThan(5e6)
})

test('reads the scheduler, in nanoseconds', () => {
  expect(parseSchedulerTime('48123 99 3\n')).toBe(48_123)
  expect(() => parseSchedulerTime('none')).toThrow(/not a schedstat/)
})
