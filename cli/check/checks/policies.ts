import type { Facts } from '../facts.ts'
import { type Finding, ok, unseen } from '../finding.ts'

const check = 'policies'

/** Policies that are not in force as they are written. */
export function checkPolicies({ policies }: Facts): Finding[] {
  if (policies.kind === 'hidden') return [unseen(check, 'policies', policies.why)]
  const known = policies.kind === 'seen' ? policies.value : []
  const findings = known.flatMap(({ kind, namespace, name, accepted }): Finding[] => {
    const described = `${kind} ${namespace}/${name}`
    if (accepted?.status === 'True') return []
    if (accepted === undefined) {
      return [
        {
          check,
          level: 'warning',
          message: `nobody has judged ${described} as it is written now`,
          remedy: 'the control plane does within seconds while it runs',
        },
      ]
    }
    return [
      {
        check,
        level: 'problem',
        message: `${described} is refused: ${accepted.message}`,
        remedy: 'mend it, and apply it again',
      },
    ]
  })
  return findings.length > 0 ? findings : [ok(check, `${known.length} written, none refused`)]
}
