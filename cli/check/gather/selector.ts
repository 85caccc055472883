import type { V1LabelSelector } from '@kubernetes/client-node'
import type { LabelSelector } from '../facts.ts'

/** A label selector with what it leaves out. */
export function selectorFacts({
  matchLabels = {},
  matchExpressions = [],
}: V1LabelSelector = {}): LabelSelector {
  return {
    matchLabels,
    matchExpressions: matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values })),
  }
}
