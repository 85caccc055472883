import { compilePolicies } from '#mesh/policy/compile.ts'
import { createSnapshot, type Snapshot } from '#mesh/snapshot.ts'
import type { RegistryState } from './model/registry-state.ts'
import { populationOf } from './model/workloads.ts'
import { parseRegistry } from './watch/file/parse.ts'
import { formatProblem } from './watch/file/problems.ts'

export type RegistrySnapshot =
  | { readonly snapshot: Snapshot }
  /** One line each, with the place in the file and what to write instead. */
  | { readonly problems: readonly string[] }

/**
 * The mesh of a registry file as a sidecar sees it that has been sent all of it. `file` is what problems call the
 * text. Never throws.
 */
export function registrySnapshot(text: string, file: string): RegistrySnapshot {
  const parsed = parseRegistry(text)
  if ('problems' in parsed) {
    return { problems: parsed.problems.map((problem) => formatProblem(file, problem)) }
  }
  return { snapshot: stateSnapshot(parsed.state) }
}

/** The mesh of any registry as a sidecar sees it that has been sent all of it. */
export function stateSnapshot(state: RegistryState, rootNamespace?: string): Snapshot {
  const policies = compilePolicies(state.policies, rootNamespace)
  const { workloads, services } = populationOf(state, (workload) => policies.policiesFor(workload))
  return createSnapshot({
    settings: { ...state.mesh.settings, sidecarScope: 'mesh' },
    workloads: new Map(workloads.map((workload) => [workload.uid, workload])),
    services: new Map(services.map((service) => [service.key, service])),
    authorizations: policies.authorizations,
  })
}
