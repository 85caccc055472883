import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Compilation {
  /** Directory of the main package. */
  readonly module: string
  /** Name of its file of modules. */
  readonly modules: string
  readonly variables: Readonly<Record<string, string>>
  readonly output: string
}

/** Compiles a static program, giving way to everything else on the machine. Rejects with what the compiler said. */
export async function compile({ module, modules, variables, output }: Compilation): Promise<void> {
  const set = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)
  const args = ['build', '-mod=readonly', `-modfile=${modules}`, '-trimpath', '-buildvcs=false']
  const link = ['-s', '-w', ...set].join(' ')
  try {
    await promisify(execFile)('nice', ['-n', '19', 'go', ...args, '-ldflags', link, '-o', output, '.'], {
      cwd: module,
      env: { ...process.env, CGO_ENABLED: '0' },
      maxBuffer: 1 << 26,
    })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().slice(-3_000)
    throw new Error(
      `${module} does not compile; it needs Go 1.26 or newer on the PATH:\n${said || String(error)}`,
      {
        cause: error,
      },
    )
  }
}
