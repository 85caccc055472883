import type { PolicyDocument } from '#mesh/policy/documents.ts'
import type { RegistryWorkload } from '../../../model/registry-state.ts'
import { type Applied, apply } from '../api/apply.ts'
import type { ApiClient } from '../api/client.ts'
import { type Condition, type PolicyObject, policyApi, policyCollections } from '../objects/policy.ts'
import { holding, type Judgement, meanwhile } from '../state/policies.ts'
import type { Correction } from './writer.ts'

export interface PolicyStatusOptions {
  readonly client: ApiClient
  readonly judgements: ReadonlyMap<PolicyObject, Judgement>
  readonly workloads: readonly RegistryWorkload[]
  /** Where policies without a selector hold on the whole mesh. */
  readonly rootNamespace: string
  readonly now?: () => number
}

/** Tells each policy's author whether it is in force, on how many workloads, and what is wrong with it. */
export function policyStatusCorrections(options: PolicyStatusOptions): Correction[] {
  const { client, judgements, workloads, rootNamespace, now = Date.now } = options
  const byNamespace = Map.groupBy(
    workloads.filter(({ meshed }) => meshed),
    ({ namespace }) => namespace,
  )
  return [...judgements].flatMap(([object, judgement]) => {
    const document = holding(judgement)
    const held = document === undefined ? 0 : heldWorkloads(document, byNamespace, rootNamespace)
    const wanted = statusOf(object, judgement, held)
    if (sameStatus(object, wanted)) return []
    const { kind, namespace, name } = object
    return {
      what: `status of ${kind} ${namespace}/${name}`,
      make: () => write(client, object, withTransition(object, wanted, now())),
    }
  })
}

interface Status {
  readonly workloads: number
  readonly condition: Omit<Condition, 'lastTransitionTime'>
}

function statusOf({ generation }: PolicyObject, judgement: Judgement, workloads: number): Status {
  const condition = { type: 'Accepted', observedGeneration: generation }
  switch (judgement.kind) {
    case 'accepted':
      return {
        workloads,
        condition: { ...condition, status: 'True', reason: 'Accepted', message: 'it is in force as written' },
      }
    case 'refused': {
      const message = `${judgement.problems.join('; ')}; ${meanwhile(judgement)}`.slice(0, messageLimit)
      return { workloads, condition: { ...condition, status: 'False', reason: 'Invalid', message } }
    }
  }
}

/** Characters that the API server takes of one message. */
const messageLimit = 32_768

function sameStatus(object: PolicyObject, { workloads, condition }: Status): boolean {
  const known = object.conditions.find(({ type }) => type === condition.type)
  return (
    object.workloads === workloads &&
    known?.status === condition.status &&
    known.reason === condition.reason &&
    known.message === condition.message &&
    known.observedGeneration === condition.observedGeneration
  )
}

/** The time stays while the verdict does. */
function withTransition(
  object: PolicyObject,
  { workloads, condition }: Status,
  now: number,
): Applied['status'] {
  const known = object.conditions.find(({ type }) => type === condition.type)
  const lastTransitionTime =
    known?.status === condition.status
      ? known.lastTransitionTime
      : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  return { workloads, conditions: [{ ...condition, lastTransitionTime }] }
}

function write(client: ApiClient, { kind, namespace, name }: PolicyObject, status: unknown): Promise<void> {
  return apply(client, `${policyApi}/namespaces/${namespace}/${policyCollections[kind]}/${name}/status`, {
    apiVersion: 'weft.dev/v1alpha1',
    kind,
    metadata: { name, namespace },
    status,
  })
}

/** How many meshed workloads a policy selects, whether or not a more specific one has the last word there. */
function heldWorkloads(
  { namespace, selector }: PolicyDocument,
  byNamespace: ReadonlyMap<string, readonly RegistryWorkload[]>,
  rootNamespace: string,
): number {
  const everywhere = namespace === rootNamespace
  const near = everywhere ? [...byNamespace.values()].flat() : (byNamespace.get(namespace) ?? [])
  if (selector === undefined) return near.length
  const wanted = Object.entries(selector)
  return near.filter(({ labels }) => wanted.every(([key, value]) => labels[key] === value)).length
}
