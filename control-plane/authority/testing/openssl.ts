import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './temporary-folder.ts'

/** Whether the machine has the openssl command; the suite's set-up installs it. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** Runs openssl over some files, named in its arguments; answers its output, throws with its errors. */
export function openssl(args: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  using folder = temporaryFolder()
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder.path, file), text)
  return execFileSync('openssl', args, {
    cwd: folder.path,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs openssl, and answers what it says of the matter on standard error, where some of its verdicts are. */
export function opensslVerdict(args: readonly string[], files: Readonly<Record<string, string>>): string {
  using folder = temporaryFolder()
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder.path, file), text)
  return spawnSync('openssl', args, { cwd: folder.path, encoding: 'utf8' }).stderr
}
