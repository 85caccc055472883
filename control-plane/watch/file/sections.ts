import * as v from 'valibot'
import type { PolicyDocument } from '#mesh/policy/documents.ts'
import { parsePolicy } from '#mesh/policy/parse.ts'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { isMapping, kindOf } from '#mesh/policy/schema/written.ts'
import type { RegistryMesh, RegistryService, RegistryWorkload } from '../../model/registry-state.ts'
import type { Path, Problem } from './problems.ts'
import { mesh } from './schema/mesh.ts'
import { service } from './schema/service.ts'
import { workload } from './schema/workload.ts'

/** A value and where it was written. */
export interface Located<T> {
  readonly path: Path
  readonly value: T
}

/** The entries of a registry file that can be read by themselves. */
export interface Sections {
  readonly mesh: Located<RegistryMesh> | undefined
  readonly workloads: readonly Located<RegistryWorkload>[]
  readonly services: readonly Located<RegistryService>[]
  readonly policies: readonly Located<PolicyDocument>[]
}

/** Reads each entry by itself, so that one bad entry hides no other; what is wrong is added to `problems`. */
export function readSections(root: unknown, problems: Problem[]): Sections {
  check(file, root, [], problems)
  const content = isMapping(root) ? root : {}
  const entries = <T>(section: string, read: (entry: unknown, path: Path) => Located<T> | undefined) =>
    listIn(content, section, problems).flatMap((entry, i) => read(entry, [section, i]) ?? [])
  return {
    mesh: 'mesh' in content ? check(mesh, content['mesh'], ['mesh'], problems) : undefined,
    workloads: entries('workloads', (entry, path) => check(workload, entry, path, problems)),
    services: entries('services', (entry, path) => check(service, entry, path, problems)),
    policies: entries('policies', (entry, path) => readPolicy(entry, path, problems)),
  }
}

const anything = v.optional(v.unknown())
const file = knownFields(
  { mesh: v.unknown(), workloads: anything, services: anything, policies: anything },
  { example: { mesh: '{ networks: [10.77.0.0/16] }' } },
)

function listIn(content: Record<string, unknown>, section: string, problems: Problem[]): readonly unknown[] {
  const list = content[section]
  if (Array.isArray(list)) return list
  // A section whose entries were all taken out is written as its name alone.
  if (list !== undefined && list !== null) {
    problems.push({ path: [section], message: `must be a list; it is ${kindOf(list)}` })
  }
  return []
}

function check<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
  path: Path,
  problems: Problem[],
): Located<T> | undefined {
  const result = v.safeParse(schema, value)
  if (result.success) return { path, value: result.output }
  for (const { message, path: inner = [] } of result.issues) {
    const keys = inner.map(({ key }) => (typeof key === 'number' ? key : String(key)))
    problems.push({ path: [...path, ...keys], message })
  }
  return undefined
}

function readPolicy(value: unknown, path: Path, problems: Problem[]): Located<PolicyDocument> | undefined {
  const result = parsePolicy(value)
  if ('policy' in result) return { path, value: result.policy }
  for (const problem of result.problems) problems.push({ ...problem, path: [...path, ...problem.path] })
  return undefined
}
