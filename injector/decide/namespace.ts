import { injectKey } from '#mesh/annotations.ts'

/** What the injector must know of a pod's namespace. */
export interface Namespace {
  readonly name: string
  /** Its pods are to be injected unless they say otherwise. */
  readonly injection: boolean
  /** The Pod Security level that it enforces. */
  readonly podSecurity: PodSecurity
}

export const podSecurityLevels = ['privileged', 'baseline', 'restricted'] as const
export type PodSecurity = (typeof podSecurityLevels)[number]

export const podSecurityLabel = 'pod-security.kubernetes.io/enforce'

/** Reads a namespace's labels. A Pod Security level that does not exist counts as the strictest one. */
export function namespaceOf(name: string, labels: Readonly<Record<string, string>>): Namespace {
  const level = labels[podSecurityLabel]
  return {
    name,
    injection: labels[injectKey] === 'enabled',
    podSecurity:
      level === undefined
        ? 'privileged'
        : (podSecurityLevels.find((known) => known === level) ?? 'restricted'),
  }
}
