import { decide } from '../decide/decide.ts'
import type { Namespace } from '../decide/namespace.ts'
import { presence } from '../decide/presence.ts'
import type { Pod } from '../pod.ts'
import type { Settings } from '../settings.ts'

/** Why a pod that should be meshed is not, and what to do; undefined for one that is, or need not be. */
export function whyUnmeshed(pod: Pod, namespace: Namespace, settings: Settings): string | undefined {
  // Whatever was written around it since, what holds the sidecar is meshed.
  if (presence(pod).kind === 'present') return undefined
  const decision = decide(pod, namespace, settings)
  switch (decision.kind) {
    case 'skipped':
      return undefined
    case 'refused':
      return `it runs outside the mesh, and would be refused today: ${decision.message}`
    case 'inject':
      return (
        'it runs outside the mesh: it started before it or its namespace was labelled, or while nobody asked the ' +
        'injector; restart its workload, e.g. kubectl rollout restart'
      )
  }
}
