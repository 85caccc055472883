import { injectKey } from '#mesh/annotations.ts'
import type { Pod } from '../pod.ts'
import type { Namespace } from './namespace.ts'

export type Wanted =
  | { readonly kind: 'wanted' }
  | { readonly kind: 'unwanted'; readonly reason: string }
  | { readonly kind: 'unclear'; readonly message: string }

/** Whether the pod is to be injected: what it says itself, by label or annotation, comes before its namespace's label. */
export function wanted({ metadata }: Pod, namespace: Namespace): Wanted {
  const label = metadata?.labels?.[injectKey]
  const annotation = metadata?.annotations?.[injectKey]
  for (const [kind, value] of [
    ['label', label],
    ['annotation', annotation],
  ] as const) {
    if (value === undefined || value === 'true' || value === 'false') continue
    const message = `the ${kind} ${injectKey} is ${JSON.stringify(value.slice(0, 60))}: write "true" or "false"`
    return { kind: 'unclear', message }
  }
  if (label !== undefined && annotation !== undefined && label !== annotation) {
    const message = `the label ${injectKey} is "${label}" and the annotation "${annotation}": write only one of them`
    return { kind: 'unclear', message }
  }
  const own = label ?? annotation
  if (own === 'false') return { kind: 'unwanted', reason: `the pod says ${injectKey}: "false"` }
  if (own === 'true' || namespace.injection) return { kind: 'wanted' }
  return { kind: 'unwanted', reason: `namespace ${namespace.name} is not labelled ${injectKey}=enabled` }
}
