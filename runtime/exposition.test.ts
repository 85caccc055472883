import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { exposition } from './exposition.ts'
import type { HttpRequest } from './http.ts'
import { Counter, createMetrics } from './metrics.ts'

vi.mock('./lifetime.ts', () => ({
  sleep: (wait: number) => new Promise((resolve) => setTimeout(resolve, wait)),
}))

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function exposed() {
  const registry = createMetrics()
  const asked = new Counter({ name: 'asked_total', help: 'x', registers: [registry] })
  const render = registry.metrics.bind(registry)
  const rendered = vi.spyOn(registry, 'metrics')
  const route = exposition(registry)
  const { signal } = new AbortController()
  const ask = async (): Promise<string> => {
    asked.inc()
    const { body } = await route({ signal } as HttpRequest)
    return /^asked_total (\d+)$/m.exec(String(body))![1]!
  }
  return { ask, render, rendered }
}

it('whoever asks alone is answered at once, with what there is now', async () => {
  const { ask } = exposed()
  expect(await ask()).toBe('1')
  await vi.advanceTimersByTimeAsync(100)
  expect(await ask()).toBe('2')
})

it('a thousand that ask together, or soon after, have one rendering between them, of what they all saw', async () => {
  const { ask, rendered } = exposed()
  await ask()
  const answers = Promise.all(Array.from({ length: 1_000 }, ask))
  await vi.advanceTimersByTimeAsync(100)
  expect(new Set(await answers)).toEqual(new Set(['1001']))
  expect(rendered).toHaveBeenCalledTimes(2)
})

it('rendering takes a tenth of the time at most, however often it is asked for', async () => {
  const { ask, render, rendered } = exposed()
  let busy = 0
  rendered.mockImplementation(async () => {
    busy += 200
    await new Promise((resolve) => setTimeout(resolve, 200))
    return render()
  })
  const over = new AbortController()
  const asking = (async () => {
    while (!over.signal.aborted) await ask()
  })()
  await vi.advanceTimersByTimeAsync(100_000)
  expect(busy).toBeGreaterThan(9_000)
  expect(busy).toBeLessThanOrEqual(10_200)
  over.abort()
  await vi.advanceTimersByTimeAsync(2_000)
  await asking
})

it('a rendering that fails is told to those who waited for it, and the next one is tried', async () => {
  const { ask, rendered } = exposed()
  rendered.mockRejectedValueOnce(new Error('no'))
  await expect(ask()).rejects.toThrow('no')
  const next = ask()
  await vi.advanceTimersByTimeAsync(100)
  expect(await next).toBe('2')
})
