// npm leaves a platform package out of the lock file when the registry in use does not carry it, and `npm ci`
// then refuses the lock file on every machine. This adds the missing entries, marked for their platform only, so
// that they are never fetched elsewhere. Run it after `npm install` has changed the lock file.
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  optionalDependencies?: Record<string, string>
}

const systems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Entry> }

const added: string[] = []
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key] || lock.packages[`${parent}/${key}`]) continue
    const os = systems.find((system) => name.includes(system))
    if (!os) throw new Error(`${name}: the name does not tell its platform; add its lock entry by hand`)
    // No machine matches an unknown processor, so an entry whose processor the name does not tell is never fetched.
    const cpu =
      /arm64|aarch64|armv7|arm-|ia32|x64|ppc64|riscv64|s390x/.exec(name)?.[0].replace('aarch64', 'arm64') ??
      'unknown'
    lock.packages[key] = {
      version,
      ...(parent !== '' && entry.dev ? { dev: true } : {}),
      optional: true,
      os: [name.includes('musl') ? 'none' : os],
      cpu: [cpu.replace(/^armv7$|^arm-$/, 'arm')],
    }
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length === 0 ? 'the lock file is complete' : `added:\n  ${added.join('\n  ')}`)
