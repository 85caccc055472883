import { Option } from 'commander'

export const outputs = ['table', 'json'] as const
export type Output = (typeof outputs)[number]

export function outputOption(): Option {
  return new Option('-o, --output <FORMAT>', 'how to write the answer').choices(outputs).default('table')
}

/** Writes a command's answer to standard output: as a document for programs, or as text for people. */
export function print(output: Output, document: () => unknown, text: () => string): void {
  process.stdout.write(`${output === 'json' ? JSON.stringify(document(), null, 2) : text()}\n`)
}
