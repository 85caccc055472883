import type { Command } from 'commander'

export interface Epilogue {
  /** A command line, and what it is good for. */
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** Exit statuses and their meaning. */
  readonly statuses?: Readonly<Record<number, string>>
  /** Further paragraphs, ahead of the examples. */
  readonly text?: string
}

/** Puts after a command's help what its options do not say. */
export function addEpilogue(command: Command, { examples, statuses = {}, text }: Epilogue): void {
  const paragraphs = [
    ...(text === undefined ? [] : [text.trim()]),
    section('Examples', examples),
    ...(Object.keys(statuses).length === 0 ? [] : [section('Exit status', Object.entries(statuses))]),
  ]
  command.addHelpText('after', `\n${paragraphs.join('\n\n')}`)
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return [`${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)].join('\n')
}
