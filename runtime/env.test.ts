import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Environment, EnvironmentError, parseDuration } from './env.ts'

describe('a variable that is well written', () => {
  const env = new Environment({
    TEXT: 'text',
    COUNT: '12',
    WAIT: '30s',
    FLAG: 'true',
    LEVEL: 'warn',
    LIST: ' 1 , ,2,',
    NAME: 'control-plane.weft-system.svc:15012',
    V6: '[::1]:80',
    EVEN: '4',
  })

  it('is read as what it is', () => {
    expect(env.string('TEXT')).toBe('text')
    expect(env.optional('TEXT')).toBe('text')
    expect(env.integer('COUNT', { min: 0, max: 12 })).toBe(12)
    expect(env.duration('WAIT')).toBe(30_000)
    expect(env.flag('FLAG')).toBe(true)
    expect(env.oneOf('LEVEL', ['info', 'warn'])).toBe('warn')
    expect(env.list('LIST', number, 'numbers')).toEqual([1, 2])
    expect(env.address('NAME')).toEqual({ host: 'control-plane.weft-system.svc', port: 15012 })
    expect(env.address('V6')).toEqual({ host: '::1', port: 80 })
    expect(env.parsed('EVEN', even, 'an even number', { empty: 0 })).toBe(4)
    expect(() => env.done()).not.toThrow()
  })
})

describe.each([
  ['not set', {}],
  ['empty', { A: '' }],
])('a variable that is %s', (_, variables) => {
  it('has its default', () => {
    const env = new Environment(variables)
    expect(env.string('A', { default: 'x' })).toBe('x')
    expect(env.optional('A')).toBeUndefined()
    expect(env.integer('A', { default: 3, min: 1, max: 5 })).toBe(3)
    expect(env.duration('A', { default: 7 })).toBe(7)
    expect(env.flag('A')).toBe(false)
    expect(env.oneOf('A', ['x', 'y'], { default: 'y' })).toBe('y')
    expect(env.list('A', number, 'numbers', { default: [1] })).toEqual([1])
    expect(env.address('A', { default: '127.0.0.1:80' })).toEqual({ host: '127.0.0.1', port: 80 })
    expect(() => env.done()).not.toThrow()
  })

  it('is a problem where there is none', () => {
    const env = new Environment(variables)
    env.string('A')
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^A is not set: write /)])
  })
})

describe('a variable that is badly written', () => {
  it.each<[string, string, (env: Environment) => unknown, string]>([
    ['a fraction', '1.5', (env) => env.integer('A', { min: 1, max: 5 }), 'a whole number from 1 to 5'],
    ['a number too small', '0', (env) => env.integer('A', { min: 1, max: 5 }), 'a whole number from 1 to 5'],
    ['a number too great', '6', (env) => env.integer('A', { min: 1, max: 5 }), 'a whole number from 1 to 5'],
    [
      'another way to count',
      '0x3',
      (env) => env.integer('A', { min: 1, max: 5 }),
      'a whole number from 1 to 5',
    ],
    ['a duration without a unit', '30', (env) => env.duration('A'), '500ms, 30s, 5m or 24h'],
    ['a duration of a unit unknown', '1d', (env) => env.duration('A'), '500ms, 30s, 5m or 24h'],
    ['a flag that says yes', 'yes', (env) => env.flag('A'), 'true or false'],
    ['none of the words', 'verbose', (env) => env.oneOf('A', ['info', 'warn']), 'info or warn'],
    [
      'a list with one bad item',
      '1,x',
      (env) => env.list('A', number, 'numbers'),
      'a comma-separated list of numbers',
    ],
    [
      'a list of nothing',
      ' , ',
      (env) => env.list('A', number, 'numbers'),
      'a comma-separated list of numbers',
    ],
    ['no port', 'localhost', (env) => env.address('A'), 'host:port'],
    ['a port too great', 'localhost:65536', (env) => env.address('A'), 'host:port'],
    ['IPv6 without brackets', '::1:80', (env) => env.address('A'), 'host:port'],
    ['a URL', 'http://localhost:80', (env) => env.address('A'), 'host:port'],
    ['an odd number', '3', (env) => env.parsed('A', even, 'an even number', { empty: 0 }), 'an even number'],
  ])('is a problem that quotes it and says what to write: %s', (_, text, read, expected) => {
    const env = new Environment({ A: text })
    read(env)
    expect(problemsOf(env)).toEqual([`A is "${text}": write ${expectedSentence(expected)}`])
  })

  it('is not put right by a default', () => {
    const env = new Environment({ A: 'x', B: 'x', C: 'x' })
    env.integer('A', { default: 1, min: 0, max: 1 })
    env.duration('B', { default: 1 })
    env.address('C', { default: 'localhost:1' })
    expect(problemsOf(env)).toHaveLength(3)
  })
})

it('tells every problem at once, in the order of reading', () => {
  const env = new Environment({ PORT: 'x', LEVEL: 'loud' })
  env.string('NAME')
  env.integer('PORT', { min: 1, max: 65_535 })
  env.oneOf('LEVEL', ['info', 'warn'])
  env.address('PEER')
  const problems = problemsOf(env)
  expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['NAME', 'PORT', 'LEVEL', 'PEER'])
  const error = thrownBy(() => env.done())
  expect(error).toBeInstanceOf(EnvironmentError)
  for (const problem of problems) expect(error.message).toContain(problem)
})

describe('durations', () => {
  it('are milliseconds', () => {
    const unit = fc.constantFrom<[string, number]>(['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000])
    fc.assert(
      fc.property(fc.nat(999_999_999), unit, (count, [unit, length]) => {
        expect(parseDuration(`${count}${unit}`)).toBe(count * length)
      }),
    )
  })

  it.each(['', 's', '-1s', '1.5s', '1 s', '1S', '1s ', '1s1s', '1e3s', '١s'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})

it('reads whatever it is given without throwing before done', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const env = new Environment({ A: text })
      env.integer('A', { min: 0, max: 9 })
      env.duration('A')
      env.flag('A')
      env.list('A', number, 'numbers')
      const { host, port } = env.address('A')
      expect(port).toBeLessThanOrEqual(65_535)
      expect(host).not.toMatch(/[\s/[\]]/)
    }),
  )
})

function number(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function even(text: string): number | undefined {
  return Number(text) % 2 === 0 ? Number(text) : undefined
}

function expectedSentence(expected: string): string {
  return expected.startsWith('500ms') ? `a duration such as ${expected}` : expected
}

function problemsOf(env: Environment): readonly string[] {
  const error = thrownBy(() => env.done())
  return error instanceof EnvironmentError ? error.problems : []
}

function thrownBy(action: () => void): Error {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('it threw nothing')
}
