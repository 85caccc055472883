import { parse as parseYaml } from 'yaml'
import { compilePolicies, type PolicyTarget } from '../compile.ts'
import { type WorkloadPolicies, workloadPolicies } from '../evaluate.ts'
import { parsePolicy } from '../parse.ts'

/** The workload backend in shop. */
const backend: PolicyTarget = { namespace: 'shop', labels: { app: 'backend', version: 'v1' } }

/** Those of the policies, written in flow style, that hold on a workload. */
export function holding(yaml: string, workload = backend): WorkloadPolicies {
  const documents = (parseYaml(`[${yaml}]`) as unknown[]).map((document) => {
    const result = parsePolicy(document)
    if ('problems' in result) throw new Error(JSON.stringify(result.problems))
    return result.policy
  })
  const { authorizations, policiesFor } = compilePolicies(documents)
  return workloadPolicies(policiesFor(workload), authorizations)
}
