import type { Facts } from '../facts.ts'
import { type Finding, ok, unseen } from '../finding.ts'
import { installing } from '../installing.ts'

const wanted = ['authorizationpolicies.weft.dev', 'peerauthentications.weft.dev']
const version = 'v1alpha1'

/** Whether policies can be written. */
export function checkDefinitions(facts: Facts): Finding[] {
  const { definitions } = facts
  if (definitions.kind === 'hidden') return [unseen('definitions', 'resource definitions', definitions.why)]
  const known = definitions.kind === 'seen' ? definitions.value : []
  const missing = wanted.filter(
    (name) => !known.some((one) => one.name === name && one.established && one.served.includes(version)),
  )
  if (missing.length === 0) return [ok('definitions', `policies of weft.dev/${version} can be written`)]
  const { remedy, commands } = installing(facts, 'install weft, or look at the conditions of the definition')
  return [
    {
      check: 'definitions',
      level: 'problem',
      message: `${missing.join(' and ')} cannot be used: not installed, or not in ${version}`,
      remedy,
      commands: [...commands, `kubectl describe crd ${missing.join(' ')}`],
    },
  ]
}
