import { spawnSync } from 'node:child_process'
import { installed, removed } from './harness/installation.ts'
import { LongOutage } from './harness/long-outage.ts'

/**
 * Installs weft as a user would; on a cluster that is not the suite's own it is taken away again afterwards. With
 * WEFT_CLUSTER=installed it is there, and stays. Where every case is to run, the outage of five minutes begins at once.
 */
export async function setup(): Promise<() => Promise<void>> {
  const where = process.env['WEFT_CLUSTER']
  if (where === undefined) throw new Error('these cases need a cluster: npm run test:cluster')
  const { error } = spawnSync('kubectl', ['version', '--client'])
  if (error) throw new Error('the cases of the cluster need kubectl on the path', { cause: error })
  if (where === 'installed') return async () => {}
  await installed()
  if (process.env['WEFT_CLUSTER_WHOLE'] === 'true') {
    // The case that it is for finds none when it could not be begun, and begins one itself.
    void LongOutage.begin().catch((error: unknown) => console.error('the long outage did not begin:', error))
  }
  return async () => {
    if (where === 'context') await removed()
  }
}
