import * as v from 'valibot'
import { type Cidr, formatCidr, parseCidr } from '#mesh/address.ts'
import { flag } from '#mesh/policy/schema/value.ts'
import { isMapping, kindOf, quote } from '#mesh/policy/schema/written.ts'
import type { RegistryMesh } from '../../../model/registry-state.ts'
import { readDocument } from '../../file/document.ts'
import { formatProblem, type Problem } from '../../file/problems.ts'
import { mesh } from '../../file/schema/mesh.ts'

/** What the operator decided, completed by what the cluster says about itself. */
export interface ClusterSettings {
  readonly mesh: RegistryMesh
  /** Whether `spec.externalIPs` leads to a service: whoever may write services could take any address with it. */
  readonly honorExternalIps: boolean
}

export type ParsedSettings =
  | { readonly settings: ClusterSettings }
  /** One line each, with the place and what to write instead. */
  | { readonly problems: readonly string[] }

const place = 'ConfigMap weft-settings, settings.yaml'

/**
 * Reads the settings of a mesh. Text that is not there is a problem, for `{}` means every default: whoever lost the
 * ConfigMap did not mean to open the mesh. `networks` are those of the cluster, for settings that do not name any;
 * undefined when the cluster does not say. `runsIn` is the trust domain of a mesh that runs, which stays. Never throws.
 */
export function parseSettings(
  text: string | undefined,
  networks: readonly Cidr[] | undefined,
  runsIn?: string,
): ParsedSettings {
  if (text === undefined || text.trim() === '') return { problems: [`${place}: ${missing}`] }
  const read = readDocument(text)
  if ('problems' in read) return { problems: read.problems.map((problem) => formatProblem(place, problem)) }
  const { value, locate } = read.document
  const problems: Problem[] = []
  const settings = readSettings(value, networks, problems)
  const changed = settings && runsIn !== undefined && settings.mesh.trustDomain !== runsIn
  if (changed) problems.push(otherTrustDomain(settings.mesh.trustDomain, runsIn))
  if (settings && !changed) return { settings }
  return {
    problems: problems.map((problem) => formatProblem(place, { ...problem, ...locate(problem.path) })),
  }
}

function readSettings(
  value: unknown,
  networks: readonly Cidr[] | undefined,
  problems: Problem[],
): ClusterSettings | undefined {
  if (!isMapping(value)) {
    const message = `must be a mapping such as { egress: passthrough }, or {} for every default; it is ${kindOf(value)}`
    problems.push({ path: [], message })
    return undefined
  }
  const { honorExternalIPs = false, ...written } = value
  const honor = v.safeParse(flag, honorExternalIPs)
  for (const { message } of honor.issues ?? []) problems.push({ path: ['honorExternalIPs'], message })
  if (written['networks'] === undefined && networks === undefined) problems.push(networksUnknown)
  const completed = { ...written, networks: written['networks'] ?? (networks ?? placeholder).map(formatCidr) }
  const result = v.safeParse(mesh, completed)
  for (const { message, path = [] } of result.issues ?? []) {
    problems.push({ path: path.map(({ key }) => (typeof key === 'number' ? key : String(key))), message })
  }
  if (!result.success || problems.length > 0) return undefined
  return { mesh: result.output, honorExternalIps: honorExternalIPs === true }
}

const missing =
  'is not there; write what `weft install` prints of it with your values, or {} for every default'

function otherTrustDomain(written: string, runsIn: string): Problem {
  const message =
    `is ${quote(written)}, and the mesh runs in ${quote(runsIn)}, in which every certificate was issued: ` +
    `write ${runsIn}`
  return { path: ['trustDomain'], message }
}

/** Lets the other fields be judged where the networks cannot be. */
const placeholder: readonly Cidr[] = [parseCidr('0.0.0.0/0')!]

const networksUnknown: Problem = {
  path: ['networks'],
  message:
    'is missing, and the cluster does not say: its Nodes have no podCIDR, or it has no ServiceCIDR (Kubernetes before ' +
    '1.33); write the ranges of pods and services, e.g. networks: [10.244.0.0/16, 10.96.0.0/12]',
}
