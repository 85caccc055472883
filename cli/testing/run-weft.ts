import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Arguments of Node itself. */
  readonly node?: readonly string[]
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Runs the real command as a process of its own, with no WEFT_* variable but those given. */
export function runWeft(args: readonly string[], { env = {}, node = [] }: RunOptions = {}): Promise<Ran> {
  const inherited = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  return new Promise((resolve) => {
    const options = { env: { ...inherited, ...env }, timeout: 60_000 }
    const child = execFile(process.execPath, [...node, main, ...args], options, (_, stdout, stderr) => {
      resolve({ status: child.exitCode ?? -1, stdout, stderr })
    })
    child.stdin?.end()
  })
}
