import { describe, expect, it } from 'vitest'
import { createLog, type Log, type LogLevel, logLevels, silentLog } from './log.ts'

function recorded(level?: LogLevel): { log: Log; lines: string[]; records: () => Record<string, unknown>[] } {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const log = createLog({ component: 'test', write, ...(level ? { level } : {}) })
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

describe('a log', () => {
  it('writes one JSON object a line, with time, level, component and fields', () => {
    const { log, lines, records } = recorded()
    log.info('hello', { port: 80, note: 'two\nlines' })
    expect(lines).toEqual([expect.stringMatching(/^[^\n]+\n$/)])
    expect(records()).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        component: 'test',
        message: 'hello',
        port: 80,
        note: 'two\nlines',
      },
    ])
    expect(Date.parse(String(records()[0]?.['time']))).toBeGreaterThan(0)
  })

  it.each(logLevels)('at level %s writes that level and what is graver', (level) => {
    const { log, records } = recorded(level)
    for (const at of logLevels) log[at](at)
    expect(records().map(({ message }) => message)).toEqual(logLevels.slice(logLevels.indexOf(level)))
  })

  it('tells an error by its message and its cause’s, never as an empty object', () => {
    const { log, records } = recorded()
    log.error('failed', { error: new Error('cannot listen', { cause: new Error('port taken') }) })
    log.error('failed', { error: 'a text' })
    expect(records().map(({ error }) => error)).toEqual(['cannot listen: port taken', 'a text'])
  })

  it('does so for a child’s own fields too', () => {
    const { log, records } = recorded()
    log.child({ error: new Error('at birth') }).warn('x')
    expect(records()[0]).toMatchObject({ error: 'at birth' })
  })
})

describe('a child', () => {
  it('adds its fields, and those of its parents', () => {
    const { log, records } = recorded()
    const child = log.child({ part: 'tunnel' })
    child.child({ peer: 'a' }).info('x', { extra: 1 })
    log.info('y')
    expect(records()[0]).toMatchObject({ component: 'test', part: 'tunnel', peer: 'a', extra: 1 })
    expect(records()[1]).not.toHaveProperty('part')
  })

  it('shares the level of the whole family, whoever sets it', () => {
    const { log, lines } = recorded()
    const elder = log.child({})
    const younger = elder.child({})
    log.level = 'debug'
    expect(younger.level).toBe('debug')
    younger.debug('heard')
    younger.level = 'error'
    expect(log.level).toBe('error')
    log.warn('unheard')
    elder.info('unheard')
    expect(lines).toHaveLength(1)
  })
})

it('the silent log takes everything', () => {
  silentLog.child({ a: 1 }).error('x', { error: new Error('y') })
})
