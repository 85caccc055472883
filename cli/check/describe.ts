import { styleText } from 'node:util'
import { count, type Finding, isGood, type Level } from './finding.ts'

const colours = { ok: 'green', warning: 'yellow', problem: 'red', unseen: 'magenta' } as const
const width = 'problem'.length

/** The findings for people: a line each, and under it what to do; at the end `good`, where nothing is wrong. */
export function describe(findings: readonly Finding[], { good }: { readonly good: string }): string {
  return [...findings.map(lines), '', verdict(findings, good)].join('\n')
}

function lines({ level, check, message, remedy, commands = [] }: Finding): string {
  const margin = ' '.repeat(width + 2)
  const more = [...(remedy === undefined ? [] : [remedy]), ...commands.map((command) => `  ${command}`)]
  return [`${mark(level)}  ${check}: ${message}`, ...more.map((line) => margin + line)].join('\n')
}

function mark(level: Level): string {
  return styleText(colours[level], level.padEnd(width), { stream: process.stdout })
}

function verdict(findings: readonly Finding[], good: string): string {
  const number = (level: Level): number => findings.filter((finding) => finding.level === level).length
  const told = [
    ...(number('problem') > 0 ? [count(number('problem'), 'problem')] : []),
    ...(number('unseen') > 0 ? [`${number('unseen')} unseen`] : []),
    ...(number('warning') > 0 ? [count(number('warning'), 'warning')] : []),
  ].join(', ')
  if (!isGood(findings)) return told
  return told === '' ? good : `${good}; ${told}`
}
