import * as rule from '#mesh/left-out.ts'
import { seenOr } from '../../kubernetes/seen.ts'
import type { Facts, NamespaceFacts, WebhookFacts } from '../facts.ts'

/** Whether pods of a namespace are never injected, whatever it or they are labelled. */
export function isExcluded(
  one: NamespaceFacts,
  { webhooks, namespace }: Pick<Facts, 'webhooks' | 'namespace'>,
): boolean {
  const asked = seenOr<readonly WebhookFacts[]>(webhooks, [])
  const selectors = asked.map(({ namespaceSelector }) => namespaceSelector)
  return rule.isExcluded(one, { namespace, selectors })
}
