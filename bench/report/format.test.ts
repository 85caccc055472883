import { expect, test } from 'vitest'
import { formatValue, significant } from './format.ts'

test.each([
  [0.0631, '0.063'],
  [-1.816, '-1.82'],
  [12.34, '12.3'],
  [456.7, '457'],
  [17_449.4, '17\u202f449'],
  [0, '0.000'],
])('%d is written %s', (value, expected) => {
  expect(significant(value)).toBe(expected)
})

test('values have the unit that is read most easily', () => {
  expect(formatValue('bytesPerSecond', 4.45e8)).toBe('0.445 GB/s')
  expect(formatValue('privateBytes', 33_700_000)).toBe('33.7 MB')
  expect(formatValue('perSecond', 3085)).toBe('3\u202f085 /s')
})
