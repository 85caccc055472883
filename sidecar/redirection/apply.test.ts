import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const unsupported = 'Could not fetch rule set generation id: Invalid argument'
const forbidden = 'Permission denied (you must be root)'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'redirection-'))
  // Where commands are looked for is read once.
  vi.stubEnv('PATH', folder)
  vi.resetModules()
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

/** The commands of a backend: they fail with these words, or do as they are told. */
function install(backend: 'nft' | 'legacy', failure?: string): void {
  for (const name of [`iptables-${backend}`, `ip6tables-${backend}`]) {
    for (const action of ['save', 'restore']) {
      const fails = `echo '${failure}' >&2; exit 3`
      const takes = action === 'restore' ? 'while read -r line; do echo "$line"; done' : ':'
      const lines = ['#!/bin/sh', failure ? fails : `${takes} >>${folder}/${name}.rules`]
      writeFileSync(join(folder, `${name}-${action}`), `${lines.join('\n')}\n`)
      chmodSync(join(folder, `${name}-${action}`), 0o755)
    }
  }
}

const rulesOf = (command: string): string => readFileSync(join(folder, `${command}.rules`), 'utf8')
const none = { inboundPorts: [], outboundPorts: [], outboundRanges: [] }
const both = ['ipv4', 'ipv6'] as const

describe('where the kernel takes no nft', () => {
  beforeEach(() => {
    install('nft', unsupported)
    install('legacy')
  })

  it('legacy is taken, and the one that failed is told and left alone', async () => {
    const { applyRedirection } = await import('./apply.ts')
    expect(applyRedirection(both, none)).toEqual({
      backend: 'legacy',
      passedOver: [expect.stringContaining(unsupported)],
    })
    expect(rulesOf('iptables-legacy')).toContain('WEFT_OUTPUT')
    expect(rulesOf('ip6tables-legacy')).toContain('WEFT_OUTPUT')
  })

  it('nothing is there to be removed', async () => {
    const { removeRedirection } = await import('./apply.ts')
    expect(removeRedirection()).toBe(0)
  })
})

it('takes nft where the kernel takes no legacy', async () => {
  install('nft')
  install('legacy', unsupported)
  const { applyRedirection } = await import('./apply.ts')
  expect(applyRedirection(both, none)).toEqual({ backend: 'nft', passedOver: [] })
})

it.each<[string, string, string | undefined]>([
  ['unsupported', unsupported, unsupported],
  ['forbidden', forbidden, undefined],
])('names what is wrong where no backend works: %s', async (kind, nft, legacy) => {
  install('nft', nft)
  install('legacy', legacy)
  const { applyRedirection } = await import('./apply.ts')
  expect(() => applyRedirection(both, none)).toThrow(expect.objectContaining({ kind }))
})
