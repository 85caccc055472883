import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runWeft } from '../testing/run-weft.ts'
import { explainFile } from './explain-file.ts'

describe('a registry file that cannot be used', () => {
  let directory: string
  const path = (name: string) => join(directory, name)
  const explain = (file: string) => explainFile({ file, source: 'a', destination: 'b:1', output: 'table' })

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-explain-'))
    writeFileSync(path('latin1.yaml'), Buffer.from([0x6d, 0xe9]))
    writeFileSync(path('bad.yaml'), 'mesh: { networks: [10.77.0.0/16] }\nservices:\n  - { name: b }\n')
    const workload = '  - { name: X, namespace: shop, addresses: [10.77.0.1] }\n'
    writeFileSync(
      path('worse.yaml'),
      `mesh: { networks: [10.77.0.0/16] }\nworkloads:\n${workload.repeat(30)}`,
    )
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  it('is missing', async () => {
    const file = path('none.yaml')
    const message = `weft explain: ${file} is missing: write where the registry file is with --registry FILE, or a cluster with --context NAME`
    await expect(explain(file)).rejects.toMatchObject({ message, status: 2 })
  })

  it('is a directory', async () => {
    await expect(explain(directory)).rejects.toThrow(
      'is a directory: write a file in it with --registry FILE',
    )
  })

  it('is not UTF-8', async () => {
    await expect(explain(path('latin1.yaml'))).rejects.toThrow('is not UTF-8: save it as UTF-8')
  })

  it('says line and field, and ends with 2', async () => {
    const { status, stderr } = await runWeft(['explain', 'a', 'b:1', '--registry', path('bad.yaml')])
    expect(status).toBe(2)
    expect(stderr).toMatch(/^weft explain: \S+bad\.yaml:3:5 services\[0\]\.namespace: .*\n$/)
  })

  it('tells ten problems, and how many more there are', async () => {
    const lines = await explain(path('worse.yaml')).catch((error: Error) => error.message.split('\n'))
    expect(lines).toHaveLength(11)
    expect((lines as string[]).at(-1)).toMatch(/worse\.yaml: and \d+ more problems$/)
  })
})
