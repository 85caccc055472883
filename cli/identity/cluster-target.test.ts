import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeApiServer, fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { openTarget } from './target.ts'

const collection = '/api/v1/namespaces/weft-system/configmaps'
const requests = `${collection}/weft-identity`

let api: FakeApiServer | undefined
async function target(answers: Readonly<Record<string, unknown>>) {
  api = await fakeApiServer(answers)
  vi.stubEnv('KUBECONFIG', api.kubeconfig)
  const choice = { stateDir: undefined, context: undefined, weftNamespace: 'weft-system' }
  return openTarget('weft identity', choice)
}

beforeEach(() => {
  api = undefined
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await api?.[Symbol.asyncDispose]()
})

describe('the control plane of a cluster', () => {
  it('was asked for nothing and did nothing, to begin with', async () => {
    const { requests, status } = await target({})
    expect([await requests(), await status()]).toEqual([{}, {}])
  })

  it('is asked by a merge patch, so that other entries stay', async () => {
    const { write } = await target({ [`PATCH ${requests}`]: {} })
    await write({ a: '1', b: null })
    expect(api?.bodies).toEqual([{ data: { a: '1', b: null } }])
  })

  it('is asked by a new ConfigMap where there is none', async () => {
    const { write } = await target({ [`POST ${collection}`]: {} })
    await write({ a: '1', b: null })
    expect(api?.asked).toEqual([`PATCH ${requests}`, `POST ${collection}`])
    expect(api?.bodies[1]).toMatchObject({ metadata: { name: 'weft-identity' }, data: { a: '1' } })
  })

  it('is asked again when somebody else was first to make the ConfigMap', async () => {
    const { write } = await target({ [`POST ${collection}`]: 409 })
    await expect(write({ a: '1' })).rejects.toThrow('could not be written')
    expect(api?.asked).toEqual([`PATCH ${requests}`, `POST ${collection}`, `PATCH ${requests}`])
  })

  it('is not asked by who may not', async () => {
    const { write, podUid } = await target({
      [`PATCH ${requests}`]: 403,
      'GET /api/v1/namespaces/shop/pods/frontend-1': 403,
    })
    const message = 'weft identity: ConfigMap weft-system/weft-identity could not be written: said 403'
    await expect(write({ a: '1' })).rejects.toMatchObject({ message, status: 2 })
    await expect(podUid('shop', 'frontend-1')).rejects.toThrow('said 403')
  })

  it.each([
    [429, true],
    [500, true],
    [503, true],
    [401, false],
    [403, false],
  ])('that answers %i may answer otherwise by itself: %s', async (status, transient) => {
    const { status: read } = await target({ [`GET ${collection}/weft-identity-status`]: status })
    const message = `weft identity: ConfigMap weft-system/weft-identity-status cannot be read: said ${status}`
    await expect(read()).rejects.toMatchObject({ message, transient })
  })

  it('that does not answer may answer by itself', async () => {
    const { status } = await target({})
    await api?.[Symbol.asyncDispose]()
    api = undefined
    await expect(status()).rejects.toMatchObject({ status: 2, transient: true })
  })

  it('knows pods by the API server', async () => {
    const { podUid } = await target({
      'GET /api/v1/namespaces/shop/pods/frontend-1': { metadata: { uid: 'uid-1' } },
    })
    expect(await podUid('shop', 'frontend-1')).toBe('uid-1')
    expect(await podUid('shop', 'frontend-2')).toBeUndefined()
  })

  it('is as many replicas as are ready', async () => {
    const { replicas } = await target({
      'GET /api/v1/namespaces/weft-system/pods': {
        items: [
          replica('a'),
          replica('b', 'False'),
          replica('c', 'True', '2026-11-28T12:00:00Z'),
          replica('d'),
        ],
      },
    })
    expect(await replicas()).toEqual(['a', 'd'])
    const query =
      'labelSelector=app.kubernetes.io%2Fcomponent%3Dcontrol-plane%2Capp.kubernetes.io%2Finstance%3Dweft'
    expect(api?.asked).toEqual([`GET /api/v1/namespaces/weft-system/pods?${query}`])
  })
})

function replica(name: string, ready = 'True', deletionTimestamp?: string): object {
  return {
    metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  }
}
