import type { Facts, NamespaceFacts } from '../facts.ts'
import { type Finding, ok, some, unseen } from '../finding.ts'
import { isExcluded } from './excluded.ts'

const check = 'pod-security'
const why = 'which refuses the init container that redirects connections (NET_ADMIN, NET_RAW)'

/** Namespaces whose Pod Security level refuses meshed pods; beforehand also those that nobody injects yet. */
export function checkPodSecurity({ beforehand }: { readonly beforehand: boolean }) {
  return (facts: Facts): Finding[] => {
    const { namespaces } = facts
    if (namespaces.kind !== 'seen') {
      return [unseen(check, 'namespaces', namespaces.kind === 'hidden' ? namespaces.why : 'there are none')]
    }
    const strict = namespaces.value.filter(
      (one) => one.podSecurity !== 'privileged' && !isExcluded(one, facts),
    )
    const injected = strict.filter(({ injected }) => injected)
    const others = strict.filter(({ injected }) => !injected)
    const findings = [...injected.map(problem), ...(beforehand && others.length > 0 ? [warning(others)] : [])]
    return findings.length > 0 ? findings : [ok(check, 'no injected namespace refuses meshed pods')]
  }
}

function problem({ name, podSecurity }: NamespaceFacts): Finding {
  return {
    check,
    level: 'problem',
    message: `namespace ${name} is injected and enforces the level ${podSecurity}, ${why}`,
    remedy: 'let it only warn about that level, or take the namespace out of the mesh',
    commands: [
      `kubectl label namespace ${name} --overwrite pod-security.kubernetes.io/enforce=privileged pod-security.kubernetes.io/warn=${podSecurity}`,
    ],
  }
}

function warning(namespaces: readonly NamespaceFacts[]): Finding {
  return {
    check,
    level: 'warning',
    message: `these namespaces cannot be injected as they are: ${some(namespaces.map(({ name, podSecurity }) => `${name} (${podSecurity})`))}`,
    remedy: `each enforces a Pod Security level ${why}`,
  }
}
