import { type Namespace } from '../decide/namespace.ts'
import { type Injection, inject, type Outcome } from '../inject.ts'
import { type Operation, pointer } from '../patch/operation.ts'
import { parsePod } from '../pod.ts'
import { applyOperations } from './apply.ts'
import { podsOf } from './pods-of.ts'

export interface InjectedObject {
  /** The object with its pods injected; the very one that was given when nothing changed. */
  readonly object: unknown
  readonly pods: readonly {
    /** As a person names it: `Deployment shop/web`. */
    readonly name: string
    readonly outcome: Outcome | { readonly kind: 'unreadable'; readonly message: string }
  }[]
}

/** What the webhook would make of the pods of a Kubernetes object; other kinds stay as they are. */
export function injectObject(
  object: unknown,
  namespaceOf: (name: string) => Namespace,
  injection: Injection,
): InjectedObject {
  const operations: Operation[] = []
  const pods = podsOf(object).map(({ name, namespace, steps, pod: written }) => {
    const parsed = parsePod(written)
    if (parsed.kind === 'refused') {
      return { name, outcome: { kind: 'unreadable', message: parsed.message } as const }
    }
    const outcome = inject(parsed.pod, namespaceOf(namespace), injection)
    if (outcome.kind === 'injected') operations.push(...outcome.operations.map((each) => below(each, steps)))
    return { name, outcome }
  })
  return { object: operations.length === 0 ? object : applyOperations(object, operations), pods }
}

/** An operation on a pod as one on the object that holds the pod. */
function below(operation: Operation, steps: readonly (string | number)[]): Operation {
  const prefix = pointer(...steps)
  const path = prefix + operation.path
  return operation.op === 'move'
    ? { ...operation, from: prefix + operation.from, path }
    : { ...operation, path }
}
