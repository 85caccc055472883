import { describe, expect, it } from 'vitest'
import { formatBytes, formatDuration } from './quantities.ts'

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_024, '1.0 KiB'],
    [1_572_864, '1.5 MiB'],
    [5 * 1_024 ** 4, '5.0 TiB'],
    [5_000 * 1_024 ** 4, '5000.0 TiB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('formatDuration', () => {
  it.each([
    [-5, '0s'],
    [0.9, '0s'],
    [59, '59s'],
    [60, '1m'],
    [192, '3m 12s'],
    [3_605, '1h'],
    [86_399, '23h 59m'],
    [90_000, '1d 1h'],
  ])('%d s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })
})
