import * as v from 'valibot'
import type { Labels } from '../documents.ts'
import { refuse, text } from './value.ts'
import { isMapping, kindOf, quote } from './written.ts'

const labelName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
const labelPrefix = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

const labelValue = text((written) => {
  if (written === '' || labelName.test(written)) return written
  return refuse(`${quote(written)} is no label value; write letters, digits, -, _ and . (at most 63)`)
})

/** Labels that a workload must carry, all of them; an empty selector is refused, because leaving it out says that. */
export const selector = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Labels => {
    const input = dataset.value
    if (!isMapping(input)) {
      addIssue({ message: `must be a mapping of labels such as { app: backend }; it is ${kindOf(input)}` })
      return NEVER
    }
    if (Object.keys(input).length === 0)
      addIssue({ message: 'is empty; leave it out to select every workload' })
    const labels: Record<string, string> = {}
    for (const [key, value] of Object.entries(input)) {
      const path: [v.ObjectPathItem] = [{ type: 'object', origin: 'value', input, key, value }]
      const problem = keyProblem(key)
      if (problem !== undefined) addIssue({ message: problem, path })
      const result = v.safeParse(labelValue, value)
      if (result.success) labels[key] = result.output
      else if (problem === undefined) for (const { message } of result.issues) addIssue({ message, path })
    }
    return labels
  }),
)

function keyProblem(key: string): string | undefined {
  if (key === 'matchLabels') return 'is not needed; write the labels directly under selector'
  if (key === 'matchExpressions')
    return 'cannot be used; write labels that must be equal, e.g. { app: backend }'
  const [name = '', prefix, ...more] = key.split('/').toReversed()
  const valid =
    labelName.test(name) && (prefix === undefined || labelPrefix.test(prefix)) && more.length === 0
  return valid ? undefined : 'is no label; write for example app, or example.com/app'
}
