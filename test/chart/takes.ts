import type { PolicyObject } from '#control-plane/watch/kubernetes/objects/policy.ts'
import { PolicyKeeper } from '#control-plane/watch/kubernetes/state/policies.ts'

/** Whether the control plane would enforce such a policy. */
export function controlPlaneTakes(kind: PolicyObject['kind'], spec: unknown): boolean {
  const object: PolicyObject = {
    kind,
    spec,
    namespace: 'shop',
    name: 'a',
    uid: 'a',
    resourceVersion: '1',
    generation: 1,
    workloads: undefined,
    conditions: [],
  }
  return new PolicyKeeper().take([object]).get(object)?.kind === 'accepted'
}
