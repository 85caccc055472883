import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { revocationEntry } from '#mesh/identity-requests.ts'
import { recordingLog } from '../../authority/testing/recording-log.ts'
import { followIdentityRequests } from './identity-requests.ts'
import { Cache } from './list-watch/cache.ts'
import type { ConfigMap } from './objects/config-map.ts'

const revoked = revocationEntry({ podUid: 'uid-1', namespace: 'shop', pod: 'frontend-1', at: 0 })

let configMaps: Cache<ConfigMap>
let end: AbortController
beforeEach(() => {
  configMaps = new Cache()
  end = new AbortController()
})
afterEach(() => end.abort())

function configMap(version: number, data: Record<string, string>): ConfigMap {
  return {
    namespace: 'weft-system',
    name: 'weft-identity',
    uid: 'uid',
    resourceVersion: String(version),
    data,
  }
}

function follow() {
  const { log, records } = recordingLog()
  return { records, following: followIdentityRequests({ configMaps, log, signal: end.signal }) }
}

describe('requests in the ConfigMap', () => {
  test('are waited for, and followed', async () => {
    const { following } = follow()
    let known = false
    void following.then(() => (known = true))
    await new Promise(setImmediate)
    expect(known).toBe(false)
    configMaps.replace([configMap(1, Object.fromEntries([revoked]))])
    const requests = await following
    expect([...requests.current.revocations.keys()]).toEqual(['uid-1'])

    const heard: number[] = []
    requests.subscribe(({ revocations }) => heard.push(revocations.size))
    configMaps.set('weft-system/weft-identity', configMap(2, {}))
    configMaps.set('weft-system/weft-identity', configMap(3, Object.fromEntries([revoked])))
    configMaps.delete('weft-system/weft-identity')
    expect(heard).toEqual([0, 1, 0])
  })

  test('are none where the API server has no such ConfigMap', async () => {
    configMaps.replace([])
    expect((await follow().following).current.revocations.size).toBe(0)
  })

  test('that cannot be read are told by name', async () => {
    configMaps.replace([configMap(1, { rotate: 'now' })])
    const { following, records } = follow()
    await following
    const problem: unknown = expect.stringMatching(/^rotate: "now" is no time/)
    expect(records).toMatchObject([{ place: 'ConfigMap weft-identity', problem }])
  })

  test('are not waited for any longer than the control plane runs', async () => {
    const { following } = follow()
    end.abort()
    await expect(following).rejects.toThrow('aborted')
  })
})
