import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { identityStatusFile } from '#mesh/identity-requests.ts'
import { ConfigMaps } from '../../watch/kubernetes/api/testing/config-maps.ts'
import { StateDirectory } from '../state-directory.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { configMapStatus, fileStatus } from './identity-status.ts'

test('each writer of the file changes its own entries', async () => {
  using folder = temporaryFolder()
  const state = new StateDirectory(folder.path)
  const status = fileStatus(state)
  await Promise.all([status.write({ a: '1', b: '2' }), status.write({ c: '3' }), status.write({ b: null })])
  expect(JSON.parse((await state.read(identityStatusFile))!)).toEqual({ a: '1', c: '3' })
})

test('a file that cannot be read is written anew', async () => {
  using folder = temporaryFolder()
  await writeFile(join(folder.path, identityStatusFile), 'lost')
  const state = new StateDirectory(folder.path)
  await fileStatus(state).write({ a: '1' })
  expect(JSON.parse((await state.read(identityStatusFile))!)).toEqual({ a: '1' })
})

test('each writer of the ConfigMap changes its own entries', async () => {
  const api = new ConfigMaps()
  const replicas = [configMapStatus(api.client, 'weft-system'), configMapStatus(api.client, 'weft-system')]
  await Promise.all(replicas.map((status, i) => status.write({ [`key-${i}`]: 'written' })))
  await replicas[0]!.write({ 'key-1': null })
  expect(api.data('weft-identity-status')).toEqual({ 'key-0': 'written' })
})
