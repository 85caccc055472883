// What `npm run check` proves before anything is run: types, lint, format, layers, generated code.
import { spawnSync } from 'node:child_process'

const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings', '.'],
  ['format', 'biome', 'check', '.'],
  ['layers', 'node', 'scripts/check-layers.ts'],
  ['generated code', 'node', 'scripts/generate-proto.ts', '--check'],
]

const root = new URL('..', import.meta.url).pathname
const path = `${root}node_modules/.bin:${process.env['PATH']}`
let failed = 0
for (const [name, command, ...args] of checks) {
  const started = Date.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
    maxBuffer: 64 * 1024 * 1024,
  })
  const seconds = ((Date.now() - started) / 1_000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (status === 0) continue
  failed += 1
  console.log([stdout, stderr, error?.message].filter(Boolean).join('\n'))
}
process.exit(failed === 0 ? 0 : 1)
