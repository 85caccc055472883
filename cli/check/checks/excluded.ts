import { injectKey } from '#mesh/annotations.ts'
import { seenOr } from '../../kubernetes/seen.ts'
import type { Facts, LabelSelector, NamespaceFacts } from '../facts.ts'
import { selects } from './selector.ts'

/** Whether pods of a namespace are never injected, whatever it or they are labelled. */
export function isExcluded(
  { name, labels }: NamespaceFacts,
  { webhooks, namespace: own }: Pick<Facts, 'webhooks' | 'namespace'>,
): boolean {
  // The injector itself leaves these alone, also where it is asked.
  if (name === own || name === 'kube-system') return true
  const asked = seenOr(webhooks, [])
  return (
    asked.length > 0 &&
    !asked.some(({ namespaceSelector }) => selects(whateverIsAskedFor(namespaceSelector), labels))
  )
}

/** Without what tells labelled namespaces from the others, which is what the two webhooks differ by. */
function whateverIsAskedFor({ matchLabels, matchExpressions }: LabelSelector): LabelSelector {
  return {
    matchLabels: Object.fromEntries(Object.entries(matchLabels).filter(([key]) => key !== injectKey)),
    matchExpressions: matchExpressions.filter(({ key }) => key !== injectKey),
  }
}
