import { expect, it } from 'vitest'
import { BodyBudget, type HeldBody } from './body-budget.ts'
import { createLog, silentLog } from './log.ts'
import { Counter, createMetrics } from './metrics.ts'

/** Bodies of addresses, and those that had to go, in their order. */
function budget(limit: number) {
  const bodies = new BodyBudget({ limit, log: silentLog })
  const gone: string[] = []
  const hold = (address: string, bytes: number, name = address): HeldBody => {
    const body = bodies.hold(address, () => gone.push(name))
    body.resize(bytes)
    return body
  }
  return { bodies, gone, hold }
}

it('holds what there is room for, and has room again for what was let go', () => {
  const { bodies, gone, hold } = budget(100)
  for (let i = 0; i < 10; i++) {
    using first = hold('a', 30)
    using _second = hold('b', 40)
    first.resize(60)
    expect(bodies.total).toBe(100)
  }
  expect([bodies.total, gone]).toEqual([0, []])
})

it('has whoever holds most give up its largest: many small ones of one address are no way around', () => {
  const { bodies, gone, hold } = budget(100)
  for (let i = 0; i < 8; i++) hold('greedy', 10 + (i % 2), `greedy ${i}`)
  expect(gone).toEqual([])
  hold('api-server', 30)
  expect(gone).toEqual(['greedy 1', 'greedy 3'])
  expect(bodies.total).toBeLessThanOrEqual(100)
})

it('has a body go that is too much by itself, once, and hears no more of it', () => {
  const { bodies, gone, hold } = budget(100)
  using body = hold('a', 101)
  body.resize(500)
  expect([bodies.total, gone]).toEqual([0, ['a']])
})

it('counts what had to go, and tells of an address once a minute', async () => {
  const registry = createMetrics()
  const refused = new Counter({ name: 'refused', help: 'x', labelNames: ['reason'], registers: [registry] })
  const lines: string[] = []
  const log = createLog({ component: 'test', write: (line) => void lines.push(line) })
  const bodies = new BodyBudget({ limit: 10, metrics: { refused }, log })
  for (let i = 0; i < 3; i++) bodies.hold('10.0.0.9', () => {}).resize(11)
  expect(await registry.getSingleMetricAsString('refused')).toContain('{reason="body_made_room"} 3')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('10.0.0.9')
})
