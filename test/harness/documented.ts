import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The shell commands of a page of the documentation, block by block, below one heading. */
export function documentedCommands(page: string, heading: string): readonly string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const start = text.indexOf(`\n## ${heading}\n`)
  if (start < 0) throw new Error(`docs/${page} has no heading "${heading}"`)
  const section = text.slice(start + 1).split(/\n(?=## )/)[0]!
  return [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands]) => commands!)
}

/** Runs commands as they are written, in a folder, with more variables in their environment if need be. */
export function runDocumented(
  commands: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): void {
  for (const command of commands) {
    execFileSync('sh', ['-euc', command], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  }
}
