import { expect, test } from 'vitest'
import { Batches } from './batches.ts'

/** Writes that end when they are told to. */
function held() {
  const writes: { readonly items: readonly number[]; readonly end: PromiseWithResolvers<string> }[] = []
  const batches = new Batches((items: readonly number[]) => {
    const end = Promise.withResolvers<string>()
    writes.push({ items: [...items], end })
    return end.promise
  })
  return { batches, writes, seen: () => writes.map(({ items }) => items) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what comes during a write goes with the next one', async () => {
  const { batches, writes, seen } = held()
  const first = batches.add(1)
  await turn()
  const second = batches.add(2)
  const third = batches.add(3)
  await turn()
  expect(seen()).toEqual([[1]])
  writes[0]!.end.resolve('one')
  expect(await first).toBe('one')
  await turn()
  expect(seen()).toEqual([[1], [2, 3]])
  writes[1]!.end.resolve('two')
  expect(await Promise.all([second, third])).toEqual(['two', 'two'])
})

test('a write that fails fails for those in it alone', async () => {
  const { batches, writes } = held()
  const first = batches.add(1)
  await turn()
  const second = batches.add(2)
  writes[0]!.end.reject(new Error('no room'))
  await expect(first).rejects.toThrow('no room')
  await turn()
  writes[1]!.end.resolve('two')
  expect(await second).toBe('two')
})
