import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Busy } from '#test/harness/busy.ts'
import { Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const [denied, allowed] = [1_000, 100]

// The load is bounded: each end of a connection writes a line every two seconds, so that about a thousand pass a second.
describe.skipIf(lacks('policy over a crowd'))('policy over a crowd', () => {
  let mesh: Mesh
  let alice: Workload
  let carol: Workload
  let bob: Workload
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, carol, bob] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('carol'),
      mesh.workload('bob'),
    ])
    application = await Listener.open(bob, 8080)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test(`a policy cuts ${denied} live connections within a second (p99), and ${allowed} others lose nothing`, {
    timeout: 120_000,
  }, async () => {
    using crowd = new DisposableStack()
    const open = async (from: Workload, count: number) => {
      const all: Busy[] = []
      while (all.length < count) {
        // A few at a time: how fast they open is not the question.
        const some = Array.from({ length: Math.min(20, count - all.length) }, () =>
          Busy.start(from, `${bob.ip}:8080`, application, { interval: 2_000 }),
        )
        for (const one of await Promise.all(some)) all.push(crowd.use(one))
      }
      return all
    }
    const alices = await open(alice, denied)
    const carols = await open(carol, allowed)
    expect(await bob.sidecar.connections()).toHaveLength(denied + allowed)

    const changed = performance.now()
    mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'bob',
      selector: { app: 'bob' },
      action: 'Deny',
      rules: [{ from: [{ serviceAccounts: ['shop/alice'] }] }],
    })
    const cuts = await Promise.all(alices.map((one) => one.cut({ timeout: 30_000 })))
    const took = cuts.map(({ at }) => at - changed).toSorted((a, b) => a - b)
    const p99 = took[Math.ceil(took.length * 0.99) - 1]!
    console.log(`cut after ${took[0]!.toFixed(0)} to ${took.at(-1)!.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`)
    expect(p99).toBeLessThan(1_000)
    expect(cuts.every(({ ends }) => ends.join() === 'reset,reset')).toBe(true)

    const records = await until('a record of every cut', () => {
      const cut = bob.sidecar.accessLog().filter(({ outcome }) => outcome === 'cut')
      return cut.length === denied && cut
    })
    for (const record of records) {
      expect(record).toMatchObject({ reason: 'deny_matched', deniedBy: { policy: 'shop/bob', rule: 0 } })
    }
    for (const one of carols) await one.finish()
  })
})
