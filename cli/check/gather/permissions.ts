import type { Connection } from '../../kubernetes/connection.ts'
import type { Permission } from '../facts.ts'

interface Wanted {
  readonly group: string
  readonly resource: string
  readonly namespaced?: boolean
}

/** What weft install prints is made of these; whoever grants a role must have what it grants, or may escalate. */
const created: readonly Wanted[] = [
  { group: '', resource: 'namespaces' },
  { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
  { group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies' },
  { group: '', resource: 'serviceaccounts', namespaced: true },
  { group: 'rbac.authorization.k8s.io', resource: 'roles', namespaced: true },
  { group: '', resource: 'services', namespaced: true },
  { group: 'apps', resource: 'deployments', namespaced: true },
]

/** What the API server says that this user may do. */
export async function gatherPermissions(connection: Connection, namespace: string): Promise<Permission[]> {
  return await Promise.all(
    created.map(async ({ group, resource, namespaced }) => {
      const verb = 'create'
      const answer = await connection.send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group, resource, ...(namespaced && { namespace }) } },
      })
      const { status } = answer.body as { status?: { allowed?: boolean } }
      return {
        verb,
        resource: group === '' ? resource : `${resource}.${group}`,
        allowed: status?.allowed === true,
      }
    }),
  )
}
