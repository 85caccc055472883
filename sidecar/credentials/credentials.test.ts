import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { identity } from '#mesh/testing/mesh.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { fingerprintOf, type LeafOptions, leafOf, TestPki } from '../testing/pki.ts'
import { Credentials } from './credentials.ts'
import { credentialMetrics } from './metrics.ts'

// What the tests turn is the global clock, and Node's own timers of promises do not follow that.
vi.mock('node:timers/promises', () => ({
  setTimeout: (wait: number, _: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(new Error('aborted'))
      const timer = setTimeout(resolve, wait)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new Error('aborted'))
      })
    }),
}))

const web = identity('web')
const second = 1_000
const hour = 3_600 * second

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.UTC(2026, 10, 21, 12) })
  // The latest renewal and the longest waits: half of a life, and each wait twice the one before.
  vi.spyOn(Math, 'random').mockReturnValue(1)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Credentials over an authority that answers as the test says; they stop with the scope. */
function started({ lifetime = 24 * hour } = {}) {
  const pki = new TestPki({ now: Date.now() })
  const metrics = createMetrics()
  const lines: Record<string, unknown>[] = []
  const authority: {
    fails: Error | undefined
    requests: { at: number; csr: string }[]
    options: LeafOptions
  } = {
    fails: undefined,
    requests: [],
    options: {},
  }
  const credentials = new Credentials({
    identity: web,
    log: createLog({
      component: 'test',
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    metrics: credentialMetrics(metrics),
    sign: async (csr) => {
      authority.requests.push({ at: Date.now(), csr })
      if (authority.fails) throw authority.fails
      const now = Date.now()
      return pki.sign(csr, web, { notBefore: now, notAfter: now + lifetime, ...authority.options })
    },
  })
  const stop = new AbortController()
  const running = credentials.run(stop.signal)
  const requests = (count: number): Promise<void> => {
    return settle(() => authority.requests.length >= count && isWaiting())
  }
  return {
    credentials,
    authority,
    lines,
    running,
    stop,
    requests,
    /** Milliseconds from each request to the next. */
    waits: () => authority.requests.slice(1).map(({ at }, i) => at - authority.requests[i]!.at),
    count: async (name: string) =>
      Number(/^\S+ (\S+)$/m.exec(await metrics.getSingleMetricAsString(name))?.[1]),
    [Symbol.dispose]: () => stop.abort(),
  }
}

/** Whether the credentials have nothing under way: they rest, or wait to try again. */
function isWaiting(): boolean {
  return vi.getTimerCount() > 0
}

/** Lets what is under way happen, keys being made on other threads among it, without turning the clock. */
async function settle(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!done()) {
    if (performance.now() > deadline) throw new Error('waited five seconds for nothing')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Turns the clock in small steps, and lets what each of them sets off happen. */
async function pass(milliseconds: number, step = milliseconds / 20): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) {
    await vi.advanceTimersByTimeAsync(Math.min(step, milliseconds - passed))
    await settle(isWaiting)
  }
}

describe('credentials', () => {
  it('are obtained at once, and told', async () => {
    using test = started()
    let told = 0
    test.credentials.onRenewed(() => {
      told += 1
    })
    expect(test.credentials.current()).toBeUndefined()
    await settle(() => test.credentials.current() !== undefined)
    expect(test.credentials.current()).toMatchObject({ identity: web, notAfter: Date.now() + 24 * hour })
    expect(told).toBe(1)
    expect(await test.count('weft_certificate_renewals_total')).toBe(1)
    expect(await test.count('weft_certificate_expiry_timestamp_seconds')).toBe(
      (Date.now() + 24 * hour) / 1_000,
    )
  })

  it('are renewed at half their life, with a new key each time', async () => {
    using test = started()
    await test.requests(1)
    const keys = [fingerprintOf(test.credentials.current()!.key)]
    for (let renewal = 1; renewal <= 3; renewal++) {
      await pass(11.9 * hour)
      expect(test.authority.requests).toHaveLength(renewal)
      await pass(0.1 * hour)
      await test.requests(renewal + 1)
      expect(test.authority.requests).toHaveLength(renewal + 1)
      keys.push(fingerprintOf(test.credentials.current()!.key))
    }
    expect(new Set(keys).size).toBe(4)
    expect(new Set(test.authority.requests.map(({ csr }) => csr)).size).toBe(4)
  })

  it('are renewed at half of what is left of a life that began long before them', async () => {
    using test = started({ lifetime: 60 * second })
    test.authority.options = { notBefore: Date.now() - 60 * second }
    await test.requests(1)
    await pass(29 * second)
    expect(test.authority.requests).toHaveLength(1)
    await pass(2 * second)
    await test.requests(2)
  })

  it('never write a key to the log', async () => {
    using test = started()
    await test.requests(1)
    expect(JSON.stringify(test.lines)).not.toMatch(/PRIVATE|BEGIN/)
    expect(test.lines).toContainEqual(
      expect.objectContaining({ message: 'certificate issued', serial: test.credentials.current()!.serial }),
    )
  })

  it('end with their signal, whether they rest or wait to try again', async () => {
    const resting = started()
    await resting.requests(1)
    resting.stop.abort()
    await resting.running
    const failing = started()
    failing.authority.fails = new Error('down')
    await failing.requests(1)
    failing.stop.abort()
    await failing.running
  })
})

describe('while the authority fails', () => {
  it('they ask again, ever less often, and at least every half minute', async () => {
    using test = started()
    test.authority.fails = new Error('control plane down')
    await test.requests(1)
    for (let i = 2; i <= 11; i++) {
      await vi.advanceTimersToNextTimerAsync()
      await test.requests(i)
    }
    expect(test.waits()).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
    expect(await test.count('weft_certificate_failures_total')).toBe(11)
    expect(test.lines.at(-1)).toMatchObject({ level: 'warn', error: 'control plane down' })
  })

  it('the old certificate stays, its remaining life is told, and the new one comes with the authority', async () => {
    using test = started()
    await test.requests(1)
    const old = test.credentials.current()!
    test.authority.fails = new Error('down')
    await pass(13 * hour)
    expect(test.authority.requests.length).toBeGreaterThan(1)
    expect(test.credentials.current()).toBe(old)
    expect(test.lines.at(-1)?.['secondsLeft']).toBeLessThan(12 * 3_600)
    test.authority.fails = undefined
    await pass(31 * second)
    expect(test.credentials.current()).not.toBe(old)
    const asked = test.authority.requests.length
    await pass(hour)
    expect(test.authority.requests).toHaveLength(asked)
  })

  it('they begin with short waits again after a success', async () => {
    using test = started()
    test.authority.fails = new Error('down')
    await test.requests(1)
    for (let i = 2; i <= 4; i++) {
      if (i === 4) test.authority.fails = undefined
      await vi.advanceTimersToNextTimerAsync()
      await test.requests(i)
    }
    expect(test.credentials.current()).toBeDefined()
    test.authority.fails = new Error('down again')
    // The first of them comes after many rests.
    while (test.authority.requests.length < 6) {
      await vi.advanceTimersToNextTimerAsync()
      await settle(isWaiting)
    }
    const waits = test.waits()
    expect([waits.slice(0, 3), waits[4]]).toEqual([[200, 400, 800], 200])
  })
})

describe('an answer that is of no use', () => {
  it.each<[string, LeafOptions]>([
    ['has no identity', { names: [] }],
    ['is for another key', { publicKey: leafOf(new TestPki().leaf({}).chain).publicKey }],
  ])('counts as a failure and leaves the old certificate in place: it %s', async (_, options) => {
    using test = started()
    await test.requests(1)
    const old = test.credentials.current()
    test.authority.options = options
    await expect(test.credentials.renew()).rejects.toThrow()
    await pass(12.1 * hour)
    expect(test.credentials.current()).toBe(old)
    expect(await test.count('weft_certificate_failures_total')).toBeGreaterThan(0)
  })

  it.each([
    ['hardly lives', 1_000],
    ['has ended already', -60_000],
  ])('does not make a loop of renewals: it %s', async (_, lifetime) => {
    using test = started({ lifetime })
    await test.requests(1)
    await pass(20 * second, 100)
    expect(test.authority.requests.length).toBeLessThanOrEqual(22)
    expect(test.authority.requests.length).toBeGreaterThan(1)
  })
})

describe('a renewal on demand', () => {
  it('is made at once, and moves the next one', async () => {
    using test = started()
    await test.requests(1)
    const first = test.credentials.current()!
    await pass(8 * hour)
    const renewed = await test.credentials.renew()
    expect(test.credentials.current()).toBe(renewed)
    expect(fingerprintOf(renewed.key)).not.toBe(fingerprintOf(first.key))
    await pass(11.9 * hour)
    expect(test.authority.requests).toHaveLength(2)
    await pass(0.1 * hour)
    expect(test.authority.requests).toHaveLength(3)
  })

  it('fails to its caller, and leaves the old one in place', async () => {
    using test = started()
    await test.requests(1)
    const old = test.credentials.current()
    test.authority.fails = new Error('rate limit')
    await expect(test.credentials.renew()).rejects.toThrow('rate limit')
    expect(test.credentials.current()).toBe(old)
  })
})
