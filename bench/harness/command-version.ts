import { spawnSync } from 'node:child_process'
import type { Availability } from './peer.ts'

/** Whether a command of the system can be run, by asking for its version; `debian` names what has it. */
export function commandVersion(
  command: string,
  args: readonly string[],
  pattern: RegExp,
  debian: string,
): Availability {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env })
  if (error) return { kind: 'absent', reason: `no ${command} here: apt-get install ${debian}` }
  const said = `${stdout}${stderr}`
  return { kind: 'available', version: pattern.exec(said)?.[0] ?? said.split('\n', 1)[0]! }
}
