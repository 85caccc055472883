import { decide, type Refused, type Skipped } from './decide/decide.ts'
import type { Namespace } from './decide/namespace.ts'
import type { Operation } from './patch/operation.ts'
import { patch } from './patch/patch.ts'
import type { Pod } from './pod.ts'
import type { Settings } from './settings.ts'

export type Outcome = { readonly warnings: readonly string[] } & (
  | {
      readonly kind: 'injected'
      /** None for a pod that was injected before. */
      readonly operations: readonly Operation[]
    }
  | Skipped
  | Refused
)

export interface Injection {
  readonly settings: Settings
  /** Makes 128 random bits in hexadecimal. */
  readonly createNonce: () => string
}

/** What becomes of a pod: the same for the webhook and for the command line. */
export function inject(pod: Pod, namespace: Namespace, { settings, createNonce }: Injection): Outcome {
  const decision = decide(pod, namespace, settings)
  if (decision.kind !== 'inject') return decision
  const { options, presence } = decision
  const { operations, warnings } = patch(pod, { options, presence, settings, createNonce })
  return { kind: 'injected', operations, warnings: [...decision.warnings, ...warnings] }
}
