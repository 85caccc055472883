import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Snapshot } from '#mesh/snapshot.ts'
import { registrySnapshot } from '../../control-plane/snapshot.ts'

/** The sample registry. */
export const shopFile = fileURLToPath(new URL('../testdata/shop.yaml', import.meta.url))
export const shopText = readFileSync(shopFile, 'utf8')

export function snapshotOf(text: string): Snapshot {
  const read = registrySnapshot(text, 'mesh.yaml')
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  return read.snapshot
}
