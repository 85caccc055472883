import { describe, expect, test } from 'vitest'
import { help, parseOptions, UsageError } from './options.ts'

const parse = (...argv: string[]) => parseOptions(argv, '/here')

describe('parseOptions', () => {
  test('everything, five times, into bench/results, unless told otherwise', () => {
    expect(parse()).toMatchObject({ quick: false, rounds: 5, output: '/here/bench/results', binaries: {} })
    expect(parse('--quick')).toMatchObject({ quick: true, rounds: 2 })
  })

  test('lists may be repeated or joined, and keep the bench in its own order', () => {
    expect(parse('--scenario', 'churn,latency-200', '--scenario', 'bulk-1')).toMatchObject({
      scenarios: ['latency-200', 'churn', 'bulk-1'],
    })
    expect(parse('--only', 'haproxy,weft,direct')).toMatchObject({ peers: ['weft', 'haproxy'] })
  })

  test('paths are taken from where it is run', () => {
    expect(parse('--peer', 'linkerd=bin/proxy', '--peer', 'ztunnel=/opt/z', '--k6', 'k6')).toMatchObject({
      binaries: { linkerd: '/here/bin/proxy', ztunnel: '/opt/z' },
      k6: '/here/k6',
    })
  })

  test.each([
    [['--rounds', '0'], '--rounds 0: write a whole number from 1 to 999'],
    [['--scenario', 'speed'], '--scenario speed: write one of latency-200'],
    [['--only', 'envoy'], '--only envoy: write one of direct, weft'],
    [['--peer', 'linkerd'], '--peer linkerd: write linkerd=PATH or ztunnel=PATH'],
    [['--peer', 'envoy=/x'], '--peer envoy=/x: write linkerd=PATH or ztunnel=PATH'],
    [['--fast'], "Unknown option '--fast'"],
  ])('%j is refused with what to write instead', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError)
    expect(() => parse(...argv)).toThrow(message)
  })

  test('help is asked for in two ways, and has examples', () => {
    expect([parse('--help'), parse('-h')]).toEqual(['help', 'help'])
    expect(help).toContain('npm run bench -- --quick')
  })
})
