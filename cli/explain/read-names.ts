/** What a text may name; what it leaves out is undefined. */
export interface ReadName {
  readonly kind: NamedKind | undefined
  readonly namespace: string | undefined
  readonly name: string
}

/** `controller` is what else makes pods, such as a StatefulSet. */
export type NamedKind = 'pod' | 'deployment' | 'job' | 'cronjob' | 'controller' | 'service'

/**
 * Reads `name`, `namespace/name` and, as kubectl has it, `kind/name`; also `kind/namespace/name`. Where a text has two
 * readings the one that says a namespace comes first, which is the older custom here.
 */
export function readNames(text: string): ReadName[] {
  const [first = '', second, third, ...rest] = text.split('/')
  if (rest.length > 0) return []
  if (second === undefined) return [{ kind: undefined, namespace: undefined, name: first }]
  const kind = kinds.get(first.toLowerCase())
  if (third !== undefined) return kind === undefined ? [] : [{ kind, namespace: second, name: third }]
  const named = { kind: undefined, namespace: first, name: second }
  return kind === undefined ? [named] : [named, { kind, namespace: undefined, name: second }]
}

const kinds: ReadonlyMap<string, NamedKind> = new Map([
  ...alike('pod', 'po', 'pod', 'pods'),
  ...alike('deployment', 'deploy', 'deployment', 'deployments'),
  ...alike('job', 'job', 'jobs'),
  ...alike('cronjob', 'cj', 'cronjob', 'cronjobs'),
  ...alike('controller', 'sts', 'statefulset', 'statefulsets', 'ds', 'daemonset', 'daemonsets'),
  ...alike('service', 'svc', 'service', 'services'),
])

function alike(kind: NamedKind, ...words: readonly string[]): (readonly [string, NamedKind])[] {
  return words.map((word) => [word, kind])
}
