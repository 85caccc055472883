import { expect, test } from 'vitest'
import type { IdentityStatus } from '../revocation/identity-status.ts'
import { Siblings } from './siblings.ts'
import { shortId } from './standings-text.ts'

const known = { acknowledged: true, renewed: true, cleared: true }
const table = (...podUids: readonly string[]) => new Map(podUids.map((podUid) => [shortId(podUid), known]))

function memory() {
  let entries: Record<string, string> = {}
  let writes = 0
  const status: IdentityStatus = {
    read: async () => entries,
    async write(changes) {
      writes++
      const next = Object.entries({ ...entries, ...changes }).filter(([, value]) => value !== null)
      entries = Object.fromEntries(next) as Record<string, string>
    },
  }
  const clock = { now: 0 }
  const replica = (name: string) => new Siblings({ status, name, clock: () => clock.now })
  return { replica, clock, keys: () => Object.keys(entries), writes: () => writes }
}

test('a replica hears what its siblings say of the same state, and not itself', async () => {
  const { replica } = memory()
  const [a, b, c] = [replica('a'), replica('b'), replica('c')]
  await a.tell('spreading 1', table('1'))
  await b.tell('spreading 1', table('2', '3'))
  await c.tell('stable 0', table('4'))
  expect(await a.hear('spreading 1')).toEqual([table('2', '3')])
  expect(await b.hear('spreading 1')).toEqual([table('1')])
  expect(await a.hear('reissuing 2')).toEqual([])
})

test('a word is told again before it grows old, and counts no longer once nobody does', async () => {
  const { replica, clock, writes } = memory()
  const [a, b] = [replica('a'), replica('b')]
  for (; clock.now <= 120_000; clock.now += 1_000) {
    await a.tell('spreading 1', table('1'))
    expect(await b.hear('spreading 1')).toEqual([table('1')])
  }
  expect(writes()).toBeLessThan(12)
  clock.now += 40_000
  expect(await b.hear('spreading 1')).toEqual([table('1')])
  clock.now += 10_000
  expect(await b.hear('spreading 1')).toEqual([])
})

test('news is told soon, but not at every look', async () => {
  const { replica, clock, writes } = memory()
  const a = replica('a')
  for (let look = 0; look < 10; look++, clock.now += 500) await a.tell('spreading 1', table(`${look}`))
  expect(writes()).toBe(3)
})

test('nothing is left behind once there is nothing to say', async () => {
  const { replica, keys } = memory()
  const [a, b, gone] = [replica('a'), replica('b'), replica('gone')]
  await Promise.all([a, b, gone].map((each) => each.tell('retiring 3', table('1'))))
  await a.rest(false)
  expect(keys()).toEqual(['replica.b', 'replica.gone'])
  await b.rest(true)
  expect(keys()).toEqual([])
})
