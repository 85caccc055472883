import type { LabelSelector } from '../facts.ts'

/** Whether a label selector of Kubernetes chooses something with these labels; an empty one chooses everything. */
export function selects(
  { matchLabels, matchExpressions }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          // One of a later Kubernetes: said to be chosen, since what is looked at in vain does no harm.
          return true
      }
    })
  )
}
