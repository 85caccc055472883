export interface FoundPod {
  /** The object as a person names it: `Deployment shop/web`. */
  readonly name: string
  readonly namespace: string
  /** Where in the document the pod is: `['spec', 'template']`. */
  readonly steps: readonly (string | number)[]
  readonly pod: unknown
}

/** The pods of a Kubernetes object: itself, its template, or those of a List's items; none for any other kind. */
export function podsOf(object: unknown): readonly FoundPod[] {
  const { kind, items } = mapping(object)
  if (kind === 'List' && Array.isArray(items)) {
    return items.flatMap((item: unknown, index) =>
      podsOf(item).map((found) => ({ ...found, steps: ['items', index, ...found.steps] })),
    )
  }
  const steps = typeof kind === 'string' && Object.hasOwn(templates, kind) ? templates[kind]! : undefined
  const pod = steps?.reduce<unknown>((at, step) => mapping(at)[step], object)
  if (steps === undefined || pod === undefined || pod === null) return []
  const { namespace: written, name, generateName } = mapping(mapping(object)['metadata'])
  const namespace = typeof written === 'string' ? written : 'default'
  return [
    { name: `${String(kind)} ${namespace}/${text(name) ?? text(generateName) ?? ''}`, namespace, steps, pod },
  ]
}

/** Kinds that pods come from, and where in them. */
const templates: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
