import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { lacks } from './requirements.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

describe.skipIf(lacks('a checkout that only root may enter'))('a checkout that only root may enter', () => {
  test('is at hand, with the Node inside it, for a process of another user', () => {
    const hidden = mkdtempSync(join(tmpdir(), 'hidden-'))
    try {
      const copy = join(hidden, 'weft')
      copyCheckout(copy)
      chmodSync(hidden, 0o700)
      const answer = execFileSync(
        join(copy, 'node_modules/.bin/node'),
        ['--input-type=module-typescript', '--eval', program(copy)],
        { cwd: '/', encoding: 'utf8' },
      )
      expect(answer).toContain('as 1337: Usage: weft redirect')
    } finally {
      rmSync(hidden, { recursive: true, force: true })
    }
  })
})

/** Runs a part of the mesh from the copy as the sidecar's user, which is not let into the copy's directory. */
function program(copy: string): string {
  return `
    import { startMesh } from '${copy}/test/harness/mesh.ts'
    const mesh = await startMesh({ controlPlane: false })
    const pod = await mesh.workload('pod', { meshed: false })
    const refused = await pod.attempt(['ls', '${copy}'], { uid: 1337 })
    if (refused.code === 0) throw new Error('uid 1337 is let into the copy: the test proves nothing')
    const help = await pod.run(['node', '/checkout/sidecar/redirection/main.ts', '--help'], { uid: 1337 })
    console.log('as 1337:', help)
    await mesh[Symbol.asyncDispose]()`
}

function copyCheckout(copy: string): void {
  const modules = ['koffi', '@koromix', 'yaml'].map((name) => `node_modules/${name}`)
  const parts = [
    'package.json',
    'mesh',
    'runtime',
    'scripts',
    'sidecar/node-flags.ts',
    'sidecar/redirection',
    'test/harness',
    ...modules,
  ]
  for (const part of parts) cpSync(join(checkout, part), join(copy, part), { recursive: true })
  const node = join(copy, 'node_modules/node/bin/node')
  mkdirSync(dirname(node), { recursive: true })
  try {
    linkSync(process.execPath, node)
  } catch {
    cpSync(process.execPath, node)
  }
  mkdirSync(join(copy, 'node_modules/.bin'))
  symlinkSync('../node/bin/node', join(copy, 'node_modules/.bin/node'))
}
