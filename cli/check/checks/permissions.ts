import type { Facts } from '../facts.ts'
import { type Finding, ok } from '../finding.ts'

/** Whether this user may install weft. */
export function checkPermissions({ permissions }: Facts): Finding[] {
  const denied = permissions.filter(({ allowed }) => !allowed)
  if (denied.length === 0) return [ok('permissions', 'you may create what weft install prints')]
  return [
    {
      check: 'permissions',
      level: 'problem',
      message: `you may not ${denied.map(({ verb, resource }) => `${verb} ${resource}`).join(', ')}`,
      remedy: 'install with an account that is bound to cluster-admin',
    },
  ]
}
