/** What must be there before what. The webhook is last: from then on pods wait for the injector. */
const kinds = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Service',
  'PodDisruptionBudget',
  'Deployment',
  'PodMonitor',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
]

/** Sorts objects so that one `kubectl apply` can create them; equals keep their order. */
export function inOrder<Object extends { readonly kind: string }>(objects: readonly Object[]): Object[] {
  const rank = ({ kind }: Object): number => {
    const found = kinds.indexOf(kind)
    if (found === -1) throw new Error(`no place is set for a ${kind} among what is installed`)
    return found
  }
  return objects.toSorted((a, b) => rank(a) - rank(b))
}
