import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Availability } from '../../peer.ts'

export interface GivenBinary {
  /** What `--peer NAME=PATH` calls it. */
  readonly peer: string
  /** What the project calls the program. */
  readonly program: string
  /** As passed; undefined when it was not. */
  readonly path: string | undefined
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The version out of what it says, undefined when that does not look like the program. */
  version(said: string): string | undefined
}

/** Whether a program that the user has to bring is there and is the right one. It is asked where no network is. */
export function givenBinary({
  peer,
  program,
  path,
  args = [],
  env = {},
  version,
}: GivenBinary): Availability {
  const remedy = `pass --peer ${peer}=PATH, where PATH is a ${program} built elsewhere`
  if (path === undefined) return { kind: 'absent', reason: `no ${program} was given: ${remedy}` }
  if (!isExecutable(path)) return { kind: 'absent', reason: `${path} is no executable file: ${remedy}` }
  const command = isAbsolute(path) ? path : `./${path}`
  const { stdout, stderr, error } = spawnSync('unshare', ['--net', '--', command, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
    timeout: 5_000,
  })
  if (error) return { kind: 'absent', reason: `${path} could not be asked for its version: ${error.message}` }
  const said = `${stdout}${stderr}`
  const found = version(said)
  if (found !== undefined) return { kind: 'available', version: `${program} ${found}` }
  const first = said.split('\n', 1)[0]!.slice(0, 200)
  return { kind: 'absent', reason: `${path} is no ${program}, it says "${first}": ${remedy}` }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
