import * as v from 'valibot'
import type { ServiceAccountMatch } from '../authorization.ts'
import type { AuthorizationPolicy, Source } from '../documents.ts'
import { namespaceName, resourceName, type serviceAccount } from './identity.ts'
import { knownFields } from './known-fields.ts'
import { rule, type source } from './rule.ts'
import { selector } from './selector.ts'
import { flag, oneOf } from './value.ts'
import { kindOf } from './written.ts'

const notSelected = 'cannot be used; write selector with the labels of the workloads'

const document = knownFields(
  {
    kind: v.literal('AuthorizationPolicy'),
    name: resourceName,
    namespace: namespaceName,
    selector: v.optional(selector),
    action: v.optional(
      oneOf(['Allow', 'Deny'], {
        audit: 'cannot be Audit; write dryRun: true beside Allow or Deny to record without denying',
        custom: 'cannot be Custom; write Allow or Deny',
      }),
      'Allow',
    ),
    dryRun: v.optional(flag, false),
    rules: v.optional(
      v.array(rule, ({ input }) => `must be a list of rules; it is ${kindOf(input)}`),
      [],
    ),
  },
  {
    example: { name: 'backend', namespace: 'shop' },
    refused: {
      targetRef: notSelected,
      targetRefs: notSelected,
      provider: 'cannot be used; write Allow or Deny rules',
    },
  },
)

export const authorizationPolicy = v.pipe(
  document,
  v.check(
    ({ action, rules }) => action === 'Allow' || rules.length > 0,
    'a Deny without rules never denies; write rules: [{}] to deny everybody',
  ),
  v.transform(
    ({ selector, rules, ...fields }): AuthorizationPolicy => ({
      selector,
      ...fields,
      rules: rules.map(({ from, to }) => ({
        from: from.map((source) => within(fields.namespace, source)),
        to,
      })),
    }),
  ),
)

type WrittenSource = v.InferOutput<typeof source>

/** Completes bare service account names with the policy's own namespace. */
function within(
  namespace: string,
  { serviceAccounts, notServiceAccounts, ...fields }: WrittenSource,
): Source {
  const complete = (account: v.InferOutput<typeof serviceAccount>): ServiceAccountMatch => ({
    namespace: account.namespace ?? namespace,
    serviceAccount: account.serviceAccount,
  })
  return {
    ...fields,
    serviceAccounts: serviceAccounts.map(complete),
    notServiceAccounts: notServiceAccounts.map(complete),
  }
}
