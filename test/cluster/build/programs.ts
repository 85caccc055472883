import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { compile } from './compile.ts'
import { type Release, sources } from './release.ts'

/** What the one program of Kubernetes is called as. */
const kubernetes: readonly string[] =
  'kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl'.split(' ')

/**
 * The directory with the cluster's programs of this release. What is not there yet is compiled: minutes the first time,
 * never again until the sources change.
 */
export async function buildPrograms(release: Release, say: (line: string) => void): Promise<string> {
  const directory = join(cacheDirectory(), `${release.version}-${fingerprint(release)}`)
  if (existsSync(directory)) return directory
  const unfinished = `${directory}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  try {
    for (const { name, module, modules, variables } of sources(release)) {
      const began = Date.now()
      say(
        `compiling ${name}${name === 'kubernetes' ? `, ${release.version}: some minutes the first time` : ''}`,
      )
      await compile({ module, modules, variables, output: join(unfinished, name) })
      say(`compiled ${name} (${((Date.now() - began) / 1_000).toFixed(0)} s)`)
    }
    for (const name of kubernetes) symlinkSync('kubernetes', join(unfinished, name))
    renameSync(unfinished, directory)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return directory
}

/** Outside of the checkout, so that a new checkout compiles nothing. */
export function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'weft/cluster')
}

function fingerprint(release: Release): string {
  const hash = createHash('sha256')
  for (const { module, modules } of sources(release)) {
    const names = readdirSync(module).filter((name) => name.endsWith('.go') || name === modules)
    for (const name of names.sort()) hash.update(`${name}\n`).update(readFileSync(join(module, name)))
  }
  return hash.digest('hex').slice(0, 12)
}
