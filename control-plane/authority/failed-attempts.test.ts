import { Metadata, status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { RateLimit } from '#runtime/rate-limit.ts'
import type { Authentication } from './bearer.ts'
import { limitFailures } from './failed-attempts.ts'
import { recordingLog } from './testing/recording-log.ts'

const caller = { namespace: 'shop', podName: 'cart-1', podUid: 'uid-1', serviceAccount: 'cart' }
const good: Authentication = { kind: 'authenticated', caller }
const common = { kind: 'refused', detail: 'detail', message: 'message' } as const
const bad: Authentication = { ...common, reason: 'signature', code: status.UNAUTHENTICATED }
const unjudged: Authentication = { ...common, reason: 'unavailable', code: status.UNAVAILABLE }
const tooMany = { reason: 'too_many_failures', code: status.RESOURCE_EXHAUSTED, told: true }

/** A door that is open to three failures on end, and one a second after that. */
function door() {
  const clock = { now: 0 }
  const { log, records } = recordingLog()
  const answers: Authentication[] = []
  let judged = 0
  const judge = () => {
    judged += 1
    return Promise.resolve(answers.shift() ?? bad)
  }
  const limit = new RateLimit({ burst: 3, perSecond: 1, now: () => clock.now })
  const authenticate = limitFailures(judge, { limit, log })
  const knock = (address = '10.77.0.11') =>
    authenticate({
      metadata: new Metadata(),
      getPeer: () => (address === '' ? 'unknown' : `${address}:40000`),
    })
  return { clock, records, answers, knock, judged: () => judged }
}

test('an address that only fails is not listened to for a while, and that is told once', async () => {
  const { clock, records, knock, judged } = door()
  for (let i = 0; i < 3; i++) expect(await knock()).toBe(bad)
  for (let i = 0; i < 50; i++) expect(await knock()).toMatchObject(tooMany)
  expect(judged()).toBe(3)
  expect(records).toMatchObject([{ level: 'warn', address: '10.77.0.11' }])
  clock.now += 1_000
  expect(await knock()).toBe(bad)
  expect(await knock()).toMatchObject(tooMany)
})

test('others are heard as before', async () => {
  const { knock } = door()
  for (let i = 0; i < 10; i++) await knock()
  expect(await knock('10.77.0.12')).toBe(bad)
  expect(await knock('')).toBe(bad)
})

test('a crowd that comes at once is not judged all the same', async () => {
  const { knock, judged } = door()
  await Promise.all(Array.from({ length: 100 }, () => knock()))
  expect(judged()).toBe(3)
})

test('who is known, or could not be judged, has not failed', async () => {
  const { answers, knock, judged } = door()
  for (let i = 0; i < 20; i++) {
    answers.push(i % 2 === 0 ? good : unjudged)
    expect(await knock()).toBe(i % 2 === 0 ? good : unjudged)
  }
  expect(judged()).toBe(20)
})
