import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Counter, createMetrics } from '#runtime/metrics.ts'
import { renewalTime } from '#runtime/renewal-time.ts'
import { backdating } from '../issue.ts'
import { day, hour, start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { SurplusKeys } from './surplus-keys.ts'

const caller = { namespace: 'shop', podName: 'frontend-1', podUid: 'uid-1', serviceAccount: 'frontend' }

function watch() {
  const clock = { now: start }
  const { log, records } = recordingLog()
  const counted = new Counter({ name: 'counted', help: 'counted', registers: [createMetrics()] })
  const keys = new SurplusKeys({ lifetime: day, log, counted, now: () => clock.now })
  const issued: { podUid: string; serial: string; notAfter: number }[] = []
  const issue = (lifetime = day) => {
    issued.push({ podUid: 'uid-1', serial: `0${issued.length}`, notAfter: clock.now + lifetime })
    keys.look(
      caller,
      issued.filter(({ notAfter }) => notAfter > clock.now),
    )
  }
  return { clock, records, issue, count: async () => (await counted.get()).values[0]?.value }
}

test('renewals are no surprise, whenever they fall', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (draws) => {
      const { clock, records, issue } = watch()
      issue()
      for (const draw of draws) {
        const life = { notBefore: clock.now - backdating, notAfter: clock.now + day }
        clock.now = renewalTime(life, draw)
        issue()
      }
      expect(records).toEqual([])
    }),
  )
})

test('a third young key is told once', async () => {
  const { clock, records, issue, count } = watch()
  issue()
  clock.now += hour
  issue()
  expect(records).toEqual([])
  issue()
  issue()
  expect(records).toMatchObject([
    { level: 'warn', pod: 'shop/frontend-1', podUid: 'uid-1', serials: ['00', '01', '02'] },
  ])
  expect(await count()).toBe(1)
})
