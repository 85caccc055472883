import type { Caller } from '../authority/tokens.ts'
import { type Model, podKey, type Resource } from '../model/model.ts'
import { type TypeUrl, typeUrls } from '../model/type-urls.ts'

/** What a caller may see, derived from its verified identity and the model alone. */
export interface Scope {
  /** The resource name of the caller's own workload. */
  readonly uid: string
  readonly namespace: string
  /** Whether a wildcard covers every address, or those of the own namespace. */
  readonly addresses: 'mesh' | 'namespace'
  /** Names of the policies that hold on the caller's own workload. */
  readonly authorizations: ReadonlySet<string>
}

/** What a client subscribed to, of one type. */
export interface Wanted {
  readonly wildcard: boolean
  /** Names and aliases. */
  readonly asked: ReadonlySet<string>
}

/** The scope of a caller; undefined when its pod is not in the model, or is another pod by now. */
export function scopeOf(model: Model, caller: Caller): Scope | undefined {
  const pod = model.pods.get(podKey(caller.namespace, caller.podName))
  if (!pod || pod.podUid !== caller.podUid || pod.serviceAccount !== caller.serviceAccount) return undefined
  return {
    uid: pod.uid,
    namespace: caller.namespace,
    addresses: model.sidecarScope,
    authorizations: pod.authorizations,
  }
}

/** Whether a client with this scope and these subscriptions holds the resource when it is in step. */
export function covers(scope: Scope, wanted: Wanted, type: TypeUrl, resource: Resource): boolean {
  const asked = wanted.asked.size > 0 && namesOf(resource).some((name) => wanted.asked.has(name))
  switch (type) {
    case typeUrls.settings:
    case typeUrls.secret:
      return asked || wanted.wildcard
    case typeUrls.authorization:
      return scope.authorizations.has(resource.name) && (asked || wanted.wildcard)
    case typeUrls.address:
      return (
        asked || (wanted.wildcard && (scope.addresses === 'mesh' || resource.namespaces.has(scope.namespace)))
      )
  }
}

function namesOf({ name, aliases, serves }: Resource): readonly string[] {
  return [name, ...aliases, ...serves]
}
