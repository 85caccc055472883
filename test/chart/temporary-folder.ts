import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

let folder: string | undefined

/** One folder a test file, gone when its tests are over. */
export function temporaryFolder(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'weft-chart-'))
  return folder
}

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true })
})
