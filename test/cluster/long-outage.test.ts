import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LongOutage } from './harness/long-outage.ts'
import { pod } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'
import type { Pod } from './harness/pod.ts'

const minutes = 5

let outage: LongOutage
let outside: Namespace
let client: Pod
let stranger: Pod

// In a run of everything it was begun before the first case, and this file is one of the last: nobody waits for it.
beforeAll(async () => {
  outage = (await LongOutage.find()) ?? (await LongOutage.begin())
  outside = await Namespace.create('outage-outside', { meshed: false })
  stranger = await outside.pod(pod('stranger'))
  client = await outage.apps.find('client')
})
afterAll(async () => {
  await outside[Symbol.asyncDispose]()
  await outage[Symbol.asyncDispose]()
})

interface Told {
  readonly good: number
  readonly failures: readonly string[]
}

/** What came of the client's connections, two a second. */
async function told(): Promise<Told> {
  return JSON.parse((await client.fetch('http://127.0.0.1:8080/')).body!) as Told
}

describe('row 45: the control plane gone for five minutes', () => {
  test('row 45: no new connection to a known destination fails in all that time', {
    timeout: 400_000,
  }, async () => {
    await sleep(Math.max(0, outage.since + minutes * 60_000 - Date.now()))
    const { good, failures } = await told()
    expect(failures).toEqual([])
    expect(good).toBeGreaterThan(minutes * 60)
    const server = await outage.apps.find('server')
    expect((await client.connections()).at(-1)).toMatchObject({
      endpoint: `${server.ip}:8080`,
      security: 'mutual_tls',
    })
  })

  test('row 45: the last policy is in force, and what came meanwhile is refused', async () => {
    const server = await outage.apps.find('server')
    expect((await stranger.fetch(`http://${server.ip}:8080/`)).error).toBe('ECONNRESET')
    expect((await client.fetch(`http://${stranger.ip}:8080/`)).error).toBe('ECONNRESET')
    expect(await client.connection({ destination: `${stranger.ip}:8080` })).toMatchObject({
      outcome: 'refused',
      reason: 'unknown_in_mesh',
    })
  })

  test('row 45: with a control plane again they hear of it, and have lost nothing', async () => {
    await outage.end()
    await client.fetchUntil(`http://${stranger.ip}:8080/`, ({ status }) => status === 200, {
      timeout: 100_000,
    })
    expect((await told()).failures).toEqual([])
  })
})
