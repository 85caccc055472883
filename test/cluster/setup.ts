import { spawnSync } from 'node:child_process'
import { installed, removed } from './harness/installation.ts'

/**
 * Installs weft as a user would; on a cluster that is not the suite's own it is taken away again afterwards. With
 * WEFT_CLUSTER=installed it is there, and stays.
 */
export async function setup(): Promise<() => Promise<void>> {
  const where = process.env['WEFT_CLUSTER']
  if (where === undefined) throw new Error('these cases need a cluster: npm run test:cluster')
  const { error } = spawnSync('kubectl', ['version', '--client'])
  if (error) throw new Error('the cases of the cluster need kubectl on the path', { cause: error })
  if (where === 'installed') return async () => {}
  await installed()
  return async () => {
    if (where === 'context') await removed()
  }
}
