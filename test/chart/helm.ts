import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chartFolder } from '../../cli/install/chart.ts'

const version = 'v4.3.1'
const run = promisify(execFile)

/** The real helm. It is compiled once, for minutes, outside of the checkout; rejects where there is no Go for that. */
export async function helmProgram(): Promise<string> {
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'weft/helm', version)
  const program = join(folder, 'helm')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' }
  const install = ['-n', '19', 'go', 'install', `helm.sh/helm/v4/cmd/helm@${version}`]
  await run('nice', install, { env, maxBuffer: 1 << 26 }).catch((cause: unknown) => {
    throw new Error(`helm ${version} does not compile; it needs Go 1.26 or newer on the PATH`, { cause })
  })
  return program
}

/** What `helm template` makes of the chart with these further arguments. */
export async function helmTemplate(args: readonly string[], namespace = 'weft-system'): Promise<string> {
  const helm = await helmProgram()
  const template = ['template', 'weft', chartFolder, '--namespace', namespace, ...args]
  return (await run(helm, template, { maxBuffer: 1 << 26 })).stdout
}

/** Why helm does not take these values. */
export async function helmRefusal(args: readonly string[]): Promise<string> {
  return helmTemplate(args).then(
    () => '',
    (error: { stderr: string }) => error.stderr,
  )
}
