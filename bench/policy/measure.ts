import type { Authorization } from '#mesh/policy/authorization.ts'
import type { ConnectionFacts } from '#mesh/policy/decision.ts'
import { evaluate, type WorkloadPolicies, workloadPolicies } from '#mesh/policy/evaluate.ts'
import { scannedSet } from '#mesh/policy/policy-set.ts'

/** Processor time of one round. */
export interface Costs {
  /** Judging one connection, in microseconds. */
  readonly evaluation: number
  /** The same by asking one policy after the other. */
  readonly scan: number
  /** From the names of policies to the first verdict, in milliseconds. */
  readonly build: number
  /** The same where all policies but one were there before. */
  readonly add: number
  /** Judging every live connection again, in milliseconds. */
  readonly reevaluation: number
}

/** One round over a population; `live` are the connections that are judged. */
export function measure(policies: readonly Authorization[], live: readonly ConnectionFacts[]): Costs {
  const [probe] = live
  const last = policies.at(-1)
  if (!probe || !last) throw new Error('there is nothing to measure')
  const known = new Map(policies.map((policy) => [policy.key, policy]))
  const names = [...known.keys()]
  const firstVerdict = (held: WorkloadPolicies): WorkloadPolicies => {
    evaluate(probe, held)
    return held
  }
  const build = spent(() => firstVerdict(workloadPolicies(names, known)))
  const fewer = firstVerdict(workloadPolicies(names.slice(0, -1), known))
  const add = spent(() => firstVerdict(workloadPolicies(names, known, fewer)))
  const held = build.result
  const scanned = inTurn(held)
  // A scan of thousands is slow, and as slow for each connection.
  const few = live.slice(0, Math.max(20, Math.floor(400_000 / policies.length)))
  const reevaluation = spent(() => judgeAll(live, held))
  return {
    evaluation: (reevaluation.milliseconds * 1_000) / live.length,
    scan: (spent(() => judgeAll(few, scanned)).milliseconds * 1_000) / few.length,
    build: build.milliseconds,
    add: add.milliseconds,
    reevaluation: reevaluation.milliseconds,
  }
}

function judgeAll(live: readonly ConnectionFacts[], held: WorkloadPolicies): number {
  let permits = 0
  for (const facts of live) if (evaluate(facts, held).kind === 'permit') permits++
  return permits
}

function inTurn(held: WorkloadPolicies): WorkloadPolicies {
  return { ...held, deny: scannedSet(held.deny.policies), allow: scannedSet(held.allow.policies) }
}

/** Processor time of this process, its compiler and its collector included. */
function spent<T>(action: () => T): { readonly result: T; readonly milliseconds: number } {
  const before = process.cpuUsage()
  const result = action()
  const { user, system } = process.cpuUsage(before)
  return { result, milliseconds: (user + system) / 1_000 }
}
