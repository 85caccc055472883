import * as v from 'valibot'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { port } from '#mesh/policy/schema/network.ts'
import { oneOf, refuse, value } from '#mesh/policy/schema/value.ts'
import { kindOf } from '#mesh/policy/schema/written.ts'
import { forbiddenAuthorityPorts } from '#mesh/ports.ts'
import type { RegistryServicePort } from '../../../model/registry-state.ts'
import { label, listOf } from './fields.ts'

/** A port, or the name that each workload gives the number of. */
const targetPort = value((written) => {
  const number = v.safeParse(port, written)
  if (number.success) {
    return forbiddenAuthorityPorts.has(number.output)
      ? refuse(`${number.output} is a port of the mesh itself: write the one that the application listens on`)
      : number.output
  }
  const name = v.safeParse(label, written)
  if (name.success && /[a-z]/.test(name.output)) return name.output
  return refuse(
    `must be a port, 1 to 65535, e.g. 8080, or the name of one, e.g. http; it is ${kindOf(written)}`,
  )
})

const servicePort = v.pipe(
  knownFields(
    {
      name: v.optional(label),
      port,
      targetPort: v.optional(targetPort),
      protocol: v.optional(oneOf(['TCP', 'UDP', 'SCTP']), 'TCP'),
    },
    { example: { port: '80' } },
  ),
  v.transform(({ name = '', port, targetPort = port, protocol }) => ({ name, port, targetPort, protocol })),
)

type WrittenPort = v.InferOutput<typeof servicePort>

/** The ports of a service; those of other protocols may stand beside TCP's, and are left out. */
export const servicePorts = v.pipe(
  listOf(servicePort, 'ports such as [{ name: http, port: 80, targetPort: 8080 }]'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    for (const { index, field, message } of portProblems(dataset.value)) {
      const item = { type: 'array', origin: 'value', input: dataset.value, key: index } as const
      const path: [v.IssuePathItem, ...v.IssuePathItem[]] = [{ ...item, value: dataset.value[index] }]
      const entry = dataset.value[index]!
      if (field)
        path.push({ type: 'object', origin: 'value', input: { ...entry }, key: field, value: entry[field] })
      addIssue({ message, path })
    }
  }),
  v.transform((all): readonly RegistryServicePort[] =>
    all.flatMap(({ protocol, ...rest }) => (protocol === 'TCP' ? [rest] : [])),
  ),
)

interface PortProblem {
  readonly index: number
  readonly field?: 'name' | 'port'
  readonly message: string
}

function portProblems(all: readonly WrittenPort[]): PortProblem[] {
  return all.flatMap(({ name, port, protocol }, index): PortProblem[] => {
    const earlier = all.slice(0, index)
    const unnamed = name === '' && all.length > 1
    const sameNumber = earlier.findIndex((other) => other.port === port && other.protocol === protocol)
    const sameName = name === '' ? -1 : earlier.findIndex((other) => other.name === name)
    return [
      ...(unnamed
        ? [{ index, message: 'has no name: write one, because the service has several ports' }]
        : []),
      ...(sameNumber < 0
        ? []
        : [{ index, field: 'port' as const, message: again(`port ${port}`, sameNumber) }]),
      ...(sameName < 0 ? [] : [{ index, field: 'name' as const, message: again(`port ${name}`, sameName) }]),
    ]
  })
}

function again(what: string, earlier: number): string {
  return `${what} of this service is already at ports[${earlier}]: write another one`
}
