import type { Facts, Trial, WebhookFacts } from '../facts.ts'
import { type Finding, ok, some, unseen } from '../finding.ts'
import { installing } from '../installing.ts'

const check = 'webhook'
/** For pods of labelled namespaces, and for those that ask for it themselves. */
const names = ['inject.weft.dev', 'pod.inject.weft.dev'] as const

/** Whether the API server asks the injector, trusts it, and hears from it. */
export function checkWebhook(facts: Facts): Finding[] {
  const { webhooks, namespace } = facts
  if (webhooks.kind === 'hidden') return [unseen(check, 'webhook configurations', webhooks.why)]
  if (webhooks.kind === 'absent') {
    return [
      {
        check,
        level: 'problem',
        message: 'there is no MutatingWebhookConfiguration weft-injector: no pod is injected',
        ...installing(facts, 'install weft again'),
      },
    ]
  }
  const found = webhooks.value
  return [
    ...missing(found, facts),
    ...policyOf(found, facts),
    ...caBundle(found, facts),
    trial(facts.trial, namespace),
  ]
}

function missing(webhooks: readonly WebhookFacts[], facts: Facts): Finding[] {
  const absent = names.filter((name) => !webhooks.some((webhook) => webhook.name === name))
  if (absent.length === 0) return []
  return [
    {
      check,
      level: 'problem',
      message: `the MutatingWebhookConfiguration weft-injector has no ${some(absent)}: not every pod that should be is injected`,
      ...installing(facts, 'apply what weft install prints'),
    },
  ]
}

function policyOf(webhooks: readonly WebhookFacts[], facts: Facts): Finding[] {
  const lenient = webhooks.filter(({ failurePolicy }) => failurePolicy !== 'Fail')
  if (lenient.length === 0) return []
  return [
    {
      check,
      level: 'problem',
      message: `failurePolicy of ${namesOf(lenient)} is ${lenient[0]!.failurePolicy}: while the injector is away, pods start outside the mesh in silence`,
      ...installing(facts, 'apply what weft install prints, which has Fail'),
    },
  ]
}

function caBundle(webhooks: readonly WebhookFacts[], { trustBundle, namespace }: Facts): Finding[] {
  const wrong = (of: readonly WebhookFacts[], message: string): Finding[] =>
    of.length === 0
      ? []
      : [
          {
            check,
            level: 'problem',
            message: `the caBundle of ${namesOf(of)} ${message}`,
            remedy: 'the control plane writes it; its log says why it does not',
            commands: [`kubectl -n ${namespace} logs deployment/weft-control-plane --tail=50`],
          },
        ]
  const garbled = webhooks.filter(({ unreadableRoots }) => unreadableRoots > 0)
  const empty = webhooks.filter(({ roots, unreadableRoots }) => roots.length + unreadableRoots === 0)
  // Of roots that cannot be read somebody else tells.
  const known = trustBundle.kind === 'seen' ? trustBundle.value.roots : []
  const foreign = webhooks.filter(
    ({ roots }) =>
      roots.length > 0 && known.length > 0 && !known.some(({ fingerprint }) => roots.includes(fingerprint)),
  )
  return [
    ...wrong(
      garbled,
      'in the MutatingWebhookConfiguration weft-injector has certificates that cannot be read, so the API server may ' +
        'trust no injector: pods that are to be injected may not start',
    ),
    ...wrong(
      empty,
      'is empty, so the API server trusts no injector: pods that are to be injected cannot start',
    ),
    ...wrong(foreign, 'has none of the mesh’s roots, so the API server does not trust the injector'),
  ]
}

function namesOf(webhooks: readonly WebhookFacts[]): string {
  return some(webhooks.map(({ name }) => name))
}

function trial(tried: Trial, namespace: string): Finding {
  switch (tried.kind) {
    case 'injected':
      return ok(check, `a pod for trial in namespace ${tried.namespace} was injected`)
    case 'not-tried':
      return { check, level: 'warning', message: `no pod was created for trial: ${tried.why}` }
    case 'untouched':
      return {
        check,
        level: 'problem',
        message: `a pod for trial in namespace ${tried.namespace} was not injected, and nobody said why`,
        remedy: 'look at what the webhook selects',
        commands: ['kubectl get mutatingwebhookconfiguration weft-injector -o yaml'],
      }
    case 'refused':
      return refused(tried, namespace)
  }
}

function refused(
  { namespace: where, message }: Extract<Trial, { kind: 'refused' }>,
  namespace: string,
): Finding {
  const called = /failed calling webhook "inject\.weft\.dev"/.test(message)
  return {
    check,
    level: called ? 'problem' : 'warning',
    message: `a pod for trial in namespace ${where} was refused: ${message}`,
    remedy: called
      ? 'the API server does not reach the injector: see that it is ready, and that nothing between them keeps port 15017 closed'
      : 'that is how pods of this namespace fare; whether the injector was asked is not known',
    commands: called
      ? [`kubectl -n ${namespace} get endpointslices -l kubernetes.io/service-name=weft-injector`]
      : [],
  }
}
