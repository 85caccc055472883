import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { changesOf, type Source } from './changes.ts'

class Changer implements Source {
  listed = false
  #listener = () => {}

  subscribe(listener: () => void): () => void {
    this.#listener = listener
    return () => {
      this.#listener = () => {}
    }
  }

  change(): void {
    this.listed = true
    this.#listener()
  }
}

/** Counts the changes that a reader sees, who takes so many milliseconds for each. */
function reader(sources: readonly Source[], { takes = 0 } = {}) {
  const end = new AbortController()
  let seen = 0
  const running = (async () => {
    for await (const _ of changesOf(sources, { signal: end.signal, settle: 10 })) {
      seen++
      const until = performance.now() + takes
      while (performance.now() < until);
    }
  })()
  return {
    seen: () => seen,
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
    },
  }
}

test('nothing is seen before everything is known once', async () => {
  const sources = [new Changer(), new Changer()]
  await using read = reader(sources)
  sources[0]?.change()
  await pause(60)
  expect(read.seen()).toBe(0)
  sources[1]?.change()
  await until(() => read.seen() === 1)
})

test('a burst is one change, and one that does not end is cut into pieces', async () => {
  const source = new Changer()
  await using read = reader([source])
  source.change()
  await until(() => read.seen() === 1)
  for (let i = 0; i < 5; i++) source.change()
  await until(() => read.seen() === 2)
  await pause(60)
  expect(read.seen()).toBe(2)
  for (let i = 0; i < 100; i++) {
    source.change()
    await pause(3)
  }
  expect(read.seen()).toBeGreaterThan(2)
  expect(read.seen()).toBeLessThan(20)
})

test('what changes while the reader is busy is not lost', async () => {
  const source = new Changer()
  await using read = reader([source], { takes: 30 })
  source.change()
  await until(() => read.seen() === 1)
  source.change()
  await until(() => read.seen() === 2)
})

test('a reader that waits is ended', async () => {
  const read = reader([new Changer()])
  await pause(20)
  await read[Symbol.asyncDispose]()
  expect(read.seen()).toBe(0)
})

test('changes that were seen are not remembered', async () => {
  const source = new Changer()
  const end = new AbortController()
  const changes = changesOf([source], { signal: end.signal, settle: 0 })
  const burst = async () => {
    source.change()
    await changes.next()
  }
  for (let i = 0; i < 200; i++) await burst()
  const before = heapUsed()
  for (let i = 0; i < 2_000; i++) await burst()
  // Each of them held 310 bytes when it raced a promise.
  expect(heapUsed() - before).toBeLessThan(300_000)
  end.abort()
  await changes.next()
})

/** Bytes that live after a collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (holds()) return
    await pause(5)
  }
  throw new Error('it never came to hold')
}
