import { describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import { recordingLog } from '../../../authority/testing/recording-log.ts'
import { FakeApiServer, refuse } from '../testing/fake-api-server.ts'
import { Cache } from './cache.ts'
import { type Kept, type Kind, kept, type RawObject } from './kind.ts'
import { listAndWatch, type WatchTiming } from './list-and-watch.ts'
import { watchMetrics } from './metrics.ts'

interface Thing extends Kept {
  readonly value: unknown
}

const things: Kind<Thing> = {
  name: 'things',
  path: '/api/v1/things',
  trim: (object: RawObject) => (object['hidden'] ? undefined : { ...kept(object), value: object['value'] }),
}

const timing: WatchTiming = {
  watch: 60_000,
  silence: 60_000,
  relist: 60_000,
  backoff: { minimum: 5, maximum: 20 },
}

/** A cache in step with a fake API server. */
async function follow(
  api: FakeApiServer,
  changes: { timing?: Partial<WatchTiming>; optional?: boolean } = {},
) {
  const cache = new Cache<Thing>()
  const end = new AbortController()
  const metrics = createMetrics()
  const { log, records } = recordingLog()
  const running = listAndWatch({ ...things, optional: changes.optional ?? false }, cache, {
    client: api.client,
    signal: end.signal,
    log,
    metrics: watchMetrics(metrics),
    timing: { ...timing, ...changes.timing },
  })
  return {
    cache,
    records,
    names: () => [...cache.values()].map(({ name }) => name).sort(),
    missed: async () =>
      (await metrics.getSingleMetric('weft_kubernetes_watch_missed_total')?.get())?.values[0]?.value,
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
    },
  }
}

describe('a cache', () => {
  test('holds what is listed, page by page, then what is told', async () => {
    await using api = await FakeApiServer.start()
    for (let i = 0; i < 1_201; i++) api.set(`thing-${i}`)
    await using follower = await follow(api)
    await until(() => follower.cache.listed && api.watches === 1)
    expect(follower.cache.size).toBe(1_201)
    expect(api.asked('list').map(({ searchParams }) => searchParams.get('continue'))).toEqual([
      null,
      '500',
      '1000',
    ])
    api.set('new', { value: 1 })
    api.set('new', { value: 2 })
    api.delete('thing-0')
    await until(() => follower.cache.get('shop/new')?.value === 2)
    await until(() => follower.cache.get('shop/thing-0') === undefined)
  })

  test('holds what is listed also where few objects fill a page', async () => {
    await using api = await FakeApiServer.start()
    for (let i = 0; i < 6; i++) api.set(`thing-${i}`, { ballast: 'x'.repeat(3_000_000) })
    await using follower = await follow(api)
    await until(() => follower.cache.listed)
    expect(follower.cache.size).toBe(6)
    const limits = api.asked('list').map(({ searchParams }) => searchParams.get('limit'))
    expect(limits).toEqual(['500', '250', '125', '62', '31', '15', '7', '3', '3'])
  })

  test('stays as it is while one object alone is too large, whose kind is told', async () => {
    await using api = await FakeApiServer.start()
    api.set('large', { ballast: 'x'.repeat(17 * 1024 * 1024) })
    await using follower = await follow(api)
    await until(() => follower.records.length > 0)
    expect(JSON.stringify(follower.records[0])).toContain('one of the things alone is too large to be read')
    expect(follower.cache.listed).toBe(false)
    api.delete('large')
    await until(() => follower.cache.listed)
  })

  test('drops an object that can no longer be used', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    await using follower = await follow(api)
    await until(() => follower.cache.size === 1)
    api.set('a', { hidden: true })
    await until(() => follower.cache.size === 0)
    api.set('a', { hidden: false })
    await until(() => follower.cache.size === 1)
  })

  test('tells its readers of changes, and not of a list that changes nothing', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    await using follower = await follow(api)
    await until(() => api.watches === 1)
    let told = 0
    follower.cache.subscribe(() => told++)
    const [before] = follower.cache.values()
    api.compact()
    api.endWatches()
    await until(() => api.asked('list').length === 2 && api.watches === 1)
    expect(told).toBe(0)
    expect([...follower.cache.values()]).toEqual([before])
    api.set('b')
    await until(() => told === 1)
  })
})

describe('a watch', () => {
  test('goes on where it was cut, without another list', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    await using follower = await follow(api)
    await until(() => api.watches === 1)
    for (let i = 0; i < 5; i++) {
      api.set(`told-${i}`)
      await until(() => follower.cache.get(`shop/told-${i}`) !== undefined)
      api.cutInTheMiddle()
      api.set(`meanwhile-${i}`)
      api.delete(`told-${i}`)
      await until(
        () => follower.names().includes(`meanwhile-${i}`) && !follower.names().includes(`told-${i}`),
      )
      await until(() => api.watches === 1)
    }
    expect(follower.names()).toEqual(['a', ...[0, 1, 2, 3, 4].map((i) => `meanwhile-${i}`)])
    expect(api.asked('list')).toHaveLength(1)
  })

  test('goes on from a bookmark, which is all that a quiet kind hears', async () => {
    await using api = await FakeApiServer.start()
    await using follower = await follow(api)
    await until(() => api.watches === 1)
    api.bookmark()
    api.bookmark()
    await pause(50)
    api.endWatches()
    await until(() => api.asked('watch').length === 2)
    const [first, second] = api.asked('watch').map(({ searchParams }) => searchParams.get('resourceVersion'))
    expect([first, second]).toEqual(['100', '102'])
    expect(api.asked('watch')[0]?.searchParams.get('allowWatchBookmarks')).toBe('true')
    expect(follower.cache.listed).toBe(true)
  })

  test('lists again when its version is Expired, and loses what is gone by then', async () => {
    await using api = await FakeApiServer.start()
    for (const name of ['stays', 'goes']) api.set(name)
    await using follower = await follow(api)
    await until(() => api.watches === 1)
    api.swallow(true)
    api.delete('goes')
    api.set('comes')
    api.swallow(false)
    api.compact()
    api.endWatches()
    await until(() => follower.names().join() === 'comes,stays')
    expect(api.asked('list')).toHaveLength(2)
  })

  test('lists again when a 410 answers the watch itself, or a page of the list', async () => {
    await using api = await FakeApiServer.start()
    for (let i = 0; i < 700; i++) api.set(`thing-${i}`)
    let refusals = 0
    api.intercept((request, response) => {
      if (!request.url?.includes('continue=500') || refusals++ > 0) return false
      return refuse(response, 410, 'Expired', 'the continue token is too old')
    })
    await using follower = await follow(api)
    await until(() => api.watches === 1)
    expect(follower.cache.size).toBe(700)
    api.intercept((request, response) => {
      if (!request.url?.includes('watch=1')) return false
      api.intercept(undefined)
      return refuse(response, 410, 'Expired')
    })
    api.endWatches()
    await until(() => api.asked('list').length === 6)
  })

  test('is cut when it says nothing for too long', async () => {
    await using api = await FakeApiServer.start()
    await using follower = await follow(api, { timing: { silence: 100 } })
    await until(() => api.asked('watch').length >= 3)
    expect(JSON.stringify(follower.records)).toContain('it said nothing for 0.1 s')
    expect(api.asked('list')).toHaveLength(1)
  })

  test('that swallowed changes is found out by the next list, which is told', async () => {
    await using api = await FakeApiServer.start()
    api.set('a', { value: 1 })
    await using follower = await follow(api, { timing: { relist: 200 } })
    await until(() => api.watches === 1)
    api.swallow(true)
    api.set('a', { value: 2 })
    api.set('b')
    api.swallow(false)
    // What comes later shows how far the watch has read.
    api.set('c')
    await until(() => follower.cache.get('shop/c') !== undefined)
    expect(follower.names()).toEqual(['a', 'c'])
    await pause(250)
    api.endWatches()
    await until(() => follower.names().join() === 'a,b,c')
    expect(follower.cache.get('shop/a')?.value).toBe(2)
    expect(await follower.missed()).toBe(2)
  })
})

describe('an API server that fails', () => {
  test('to list again what is known leaves the watch, and is asked for the list later', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    await using follower = await follow(api, { timing: { relist: 400 } })
    await until(() => api.watches === 1)
    api.intercept((request, response) => {
      if (request.url?.includes('watch=1')) return false
      return refuse(response, 504, 'Timeout')
    })
    await pause(550)
    api.endWatches()
    await until(() => api.asked('watch').length === 2 && api.watches === 1)
    api.set('b')
    await until(() => follower.names().join() === 'a,b')
    expect(api.asked('list')).toHaveLength(2)
    expect(follower.records.at(-1)).toMatchObject({ level: 'warn', kind: 'things' })
    api.intercept(undefined)
    await pause(50)
    api.endWatches()
    await until(() => api.asked('list').length === 3)
  })

  test('slowly is asked again no faster for that', async () => {
    await using api = await FakeApiServer.start()
    const asked: number[] = []
    api.intercept((_, response) => {
      asked.push(performance.now())
      setTimeout(() => refuse(response, 504, 'Timeout'), 550)
      return true
    })
    await using _ = await follow(api, { timing: { backoff: { minimum: 100, maximum: 1_000 } } })
    await until(() => asked.length === 4)
    // Each wait is at least half of the double of the one before: 50 ms, 100 ms, 200 ms.
    expect(asked[3]! - asked[2]!).toBeGreaterThan(740)
  })

  test('is asked again, more and more slowly, and told of once', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    api.intercept((_, response) => refuse(response, 503, 'ServiceUnavailable'))
    await using follower = await follow(api)
    await until(() => api.requests.length > 5)
    expect(follower.cache.listed).toBe(false)
    expect(follower.records.filter(({ level }) => level === 'warn')).toHaveLength(1)
    api.intercept(undefined)
    await until(() => follower.cache.listed && follower.records.at(-1)?.['message'] === 'watching again')
  })

  test('is not asked without pause when it ends every watch at once', async () => {
    await using api = await FakeApiServer.start()
    api.intercept((request, response) => {
      if (!request.url?.includes('watch=1')) return false
      response.end()
      return true
    })
    const began = performance.now()
    await using _ = await follow(api, { timing: { backoff: { minimum: 50, maximum: 50 } } })
    await pause(300)
    // Each wait is 25 ms at least.
    expect(api.asked('watch').length).toBeLessThan((performance.now() - began) / 25 + 2)
  })

  test('may lack an optional kind, which then holds nothing, until it has it', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    api.intercept((_, response) => {
      response.writeHead(404).end('404 page not found\n')
      return true
    })
    const began = performance.now()
    await using follower = await follow(api, { optional: true })
    await until(() => follower.cache.listed)
    // One 404 may be an API server that has not read its definitions yet.
    expect(performance.now() - began).toBeGreaterThan(950)
    expect(follower.cache.size).toBe(0)
    api.intercept(undefined)
    await until(() => follower.names().join() === 'a')
  })

  test('takes nothing away when a kind that was there is unknown all at once', async () => {
    await using api = await FakeApiServer.start()
    api.set('a')
    await using follower = await follow(api, { optional: true })
    await until(() => api.watches === 1)
    const before = api.requests.length
    api.intercept((_, response) => refuse(response, 404, 'NotFound'))
    api.endWatches()
    await until(() => api.requests.length > before + 60)
    expect(follower.names()).toEqual(['a'])
  })

  test('that is only starting does not count as one without the kind', async () => {
    await using api = await FakeApiServer.start()
    const message =
      'the request has been made before all known HTTP paths have been installed, please try again'
    api.intercept((_, response) => refuse(response, 404, 'NotFound', message))
    await using follower = await follow(api, { optional: true })
    await pause(1_500)
    expect(follower.cache.listed).toBe(false)
  })

  test('ends a wait of any kind when it is no longer needed', async () => {
    await using api = await FakeApiServer.start()
    api.intercept(() => true)
    const follower = await follow(api)
    await until(() => api.requests.length === 1)
    await follower[Symbol.asyncDispose]()
  })
})

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (holds()) return
    await pause(10)
  }
  throw new Error('it never came to hold')
}
