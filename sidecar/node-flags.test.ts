import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { nodeFlags } from './node-flags.ts'

it('the image starts Node with the same flags', () => {
  const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8')
  expect(dockerfile).toContain(
    `ENTRYPOINT ${JSON.stringify(['node', ...nodeFlags, 'sidecar.mjs']).replaceAll(',', ', ')}`,
  )
})
