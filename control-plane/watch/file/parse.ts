import type { RegistryState } from '../../model/registry-state.ts'
import { crossCheck } from './cross-check.ts'
import { readDocument } from './document.ts'
import type { LocatedProblem, Problem } from './problems.ts'
import { type Located, readSections } from './sections.ts'

export type ParsedRegistry =
  | { readonly state: RegistryState }
  /** By their place in the file. */
  | { readonly problems: readonly LocatedProblem[] }

/** Reads a registry file. Never throws, and reports every problem at once. */
export function parseRegistry(text: string): ParsedRegistry {
  const read = readDocument(text)
  if ('problems' in read) return read
  const { document } = read
  const problems: Problem[] = []
  const sections = readSections(document.value, problems)
  problems.push(...crossCheck(sections))
  if (problems.length > 0 || !sections.mesh) {
    const located = problems.map((problem) => ({ ...problem, ...document.locate(problem.path) }))
    return { problems: located.sort((a, b) => a.line - b.line || a.column - b.column) }
  }
  const values = <T>(items: readonly Located<T>[]) => items.map((item) => item.value)
  const { workloads, services, policies } = sections
  return {
    state: {
      mesh: sections.mesh.value,
      workloads: values(workloads),
      services: values(services),
      policies: values(policies),
    },
  }
}
