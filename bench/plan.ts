import { bulk } from './scenarios/bulk.ts'
import { churn } from './scenarios/churn.ts'
import { coldFirstByte, coldStart } from './scenarios/cold.ts'
import { latency } from './scenarios/latency.ts'
import { memory } from './scenarios/memory.ts'
import { redis } from './scenarios/redis.ts'
import type { Scenario, ScenarioName } from './scenarios/scenario.ts'

export interface Planned {
  readonly scenario: Scenario
  readonly rounds: number
}

export interface PlanOptions {
  readonly scenarios: readonly ScenarioName[]
  readonly rounds: number
  readonly quick: boolean
  /** Path of k6 where the pods' users may run it. */
  readonly k6: string
}

/** What is measured, in order, and for how long. */
export function plan({ scenarios, rounds, quick, k6 }: PlanOptions): Planned[] {
  const all = scenarioFor(quick, k6)
  return scenarios
    .filter((name) => !(quick && tooLongForQuick.includes(name)))
    .map((name) => ({
      scenario: all[name](),
      // Memory hardly differs from round to round, and every turn starts both proxies again.
      rounds: name.startsWith('memory') ? Math.min(rounds, quick ? 1 : 3) : rounds,
    }))
}

const tooLongForQuick: readonly ScenarioName[] = ['memory-10000']

function scenarioFor(quick: boolean, k6: string): Readonly<Record<ScenarioName, () => Scenario>> {
  const steady = { k6, warmUp: quick ? 0.5 : 2, duration: quick ? 2 : 10 }
  const seconds = quick ? 1 : 5
  const settle = quick ? 1_000 : 3_000
  return {
    'latency-200': () => latency({ ...steady, rate: 200 }),
    'latency-1000': () => latency({ ...steady, rate: 1000 }),
    'latency-2000': () => latency({ ...steady, rate: 2000 }),
    churn: () => churn({ duration: seconds }),
    'bulk-1': () => bulk({ streams: 1, duration: seconds }),
    'bulk-8': () => bulk({ streams: 8, duration: seconds }),
    redis: () => redis({ requests: quick ? 10_000 : 100_000 }),
    'memory-idle': () => memory({ connections: 0, settle }),
    'memory-1000': () => memory({ connections: 1000, settle }),
    'memory-10000': () => memory({ connections: 10_000, settle }),
    'cold-start': () => coldStart,
    'cold-first-byte': () => coldFirstByte(),
  }
}
