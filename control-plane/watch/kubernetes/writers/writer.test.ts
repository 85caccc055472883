import { expect, test } from 'vitest'
import { Changeable } from '../../../authority/changing.ts'
import { recordingLog } from '../../../authority/testing/recording-log.ts'
import type { Source } from '../changes.ts'
import { keepCorrect } from './writer.ts'

function sourceOf<T>(value: Changeable<T>): Source & { readonly current: T } {
  return {
    listed: true,
    get current() {
      return value.current
    },
    subscribe: (listener) => value.subscribe(() => listener()),
  }
}

/** A writer of one number: what is there follows what is wanted. */
function writer({ leads = true, failures = 0 } = {}) {
  const wanted = new Changeable(1)
  const there = new Changeable(0)
  const leading = new Changeable(leads)
  const end = new AbortController()
  const { log, records } = recordingLog()
  let tries = 0
  const running = keepCorrect({
    sources: [sourceOf(wanted), sourceOf(there)],
    leading: sourceOf(leading),
    corrections: () => (there.current === wanted.current ? [] : [{ what: 'number', make }]),
    log,
    signal: end.signal,
    settle: 5,
  })
  async function make() {
    if (tries++ < failures) throw new Error('the API server is away')
    there.set(wanted.current)
  }
  return {
    wanted,
    there,
    leading,
    records,
    tries: () => tries,
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
    },
  }
}

test('what is not as it is wanted is made so, whoever changed it', async () => {
  await using started = writer()
  const { wanted, there, tries } = started
  await until(() => there.current === 1)
  wanted.set(2)
  await until(() => there.current === 2)
  there.set(7)
  await until(() => there.current === 2)
  expect(tries()).toBe(3)
})

test('only the replica that leads writes', async () => {
  await using started = writer({ leads: false })
  const { there, leading, tries } = started
  await pause(50)
  expect(tries()).toBe(0)
  leading.set(true)
  await until(() => there.current === 1)
  leading.set(false)
  there.set(7)
  await pause(50)
  expect(there.current).toBe(7)
})

test('what could not be written is tried again, and told', async () => {
  await using started = writer({ failures: 1 })
  const { there, records } = started
  await until(() => there.current === 1)
  expect(records).toContainEqual(
    expect.objectContaining({ message: 'could not be written; it is tried again', what: 'number' }),
  )
})

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return
    await pause(10)
  }
  throw new Error('it never came to hold')
}
