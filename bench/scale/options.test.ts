import { describe, expect, test } from 'vitest'
import { UsageError } from '../options.ts'
import { help, parseOptions } from './options.ts'

const parse = (...argv: string[]) => parseOptions(argv, '/here')

describe('parseOptions', () => {
  test('everything, five times, into bench/results, unless told otherwise', () => {
    expect(parse()).toMatchObject({ quick: false, rounds: 5, output: '/here/bench/results' })
    expect(parse()).toMatchObject({
      scenarios: expect.arrayContaining(['push-mesh', 'sidecar-100', 'node-10']),
    })
    expect(parse('--quick')).toMatchObject({ quick: true, rounds: 1 })
    expect(parse('--quick', '--rounds', '3')).toMatchObject({ rounds: 3 })
  })

  test('lists may be repeated or joined, and keep their own order', () => {
    expect(parse('--scenario', 'node-10,push-mesh', '--scenario', 'sidecar-100')).toMatchObject({
      scenarios: ['push-mesh', 'sidecar-100', 'node-10'],
    })
  })

  test.each([
    [['--rounds', '0'], '--rounds 0: write a whole number from 1 to 999'],
    [['--scenario', 'push'], '--scenario push: write one of push-namespace, push-mesh'],
    [['--fast'], "Unknown option '--fast'"],
  ])('%j is refused with what to write instead', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError)
    expect(() => parse(...argv)).toThrow(message)
  })

  test('help has examples', () => {
    expect(parse('-h')).toBe('help')
    expect(help).toContain('npm run bench:scale -- --quick')
  })
})
