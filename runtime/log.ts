import { pino } from 'pino'
import { LogOutput, standardOutput } from './log-output.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]
export type Fields = Record<string, unknown>

/**
 * Structured log: one JSON object a line. A field named `error` that holds an Error is written as its message. Writing
 * never throws; lines that standard output does not take are lost, and how many is told when it does again.
 */
export interface Log {
  level: LogLevel
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** A log that adds `fields` to every line and shares this one's level. */
  child(fields: Fields): Log
}

export interface LogOptions {
  readonly component: string
  readonly level?: LogLevel
  /** Takes each finished line, newline included; standard output by default. */
  readonly write?: (line: string) => void
}

export function createLog({ component, level = 'info', write }: LogOptions): Log {
  // pino's own destination lets a failed write end the process.
  const destination = write
    ? { write }
    : new LogOutput(standardOutput(), (lines) => root.warn({ lines }, 'log lines were lost'))
  const root = pino(
    {
      base: { component },
      level,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    destination,
  )
  // pino copies the level into each child when it is made; reading it from one holder keeps them together.
  const holder = { level }
  const adapt = (fields: Fields): Log => {
    const child = root.child(fields, { level: 'debug' })
    const line =
      (at: LogLevel) =>
      (message: string, extra: Fields = {}) => {
        if (logLevels.indexOf(at) >= logLevels.indexOf(holder.level)) child[at](extra, message)
      }
    return {
      get level() {
        return holder.level
      },
      set level(next) {
        holder.level = next
      },
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: (more) => adapt({ ...fields, ...more }),
    }
  }
  return adapt({})
}

/** A log that keeps nothing, for tests of code that must be given one. */
export const silentLog: Log = createLog({ component: 'silent', write: () => {} })

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}
