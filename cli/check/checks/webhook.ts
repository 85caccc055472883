import type { Facts, Trial, WebhookFacts } from '../facts.ts'
import { type Finding, ok, unseen } from '../finding.ts'

const check = 'webhook'

/** Whether the API server asks the injector, trusts it, and hears from it. */
export function checkWebhook(facts: Facts): Finding[] {
  const { webhook, namespace } = facts
  if (webhook.kind === 'hidden') return [unseen(check, 'webhook configurations', webhook.why)]
  if (webhook.kind === 'absent') {
    return [
      {
        check,
        level: 'problem',
        message: 'there is no MutatingWebhookConfiguration weft-injector: no pod is injected',
        remedy: 'install weft again',
        commands: ['weft install | kubectl apply -f -'],
      },
    ]
  }
  return [...policyOf(webhook.value), ...caBundle(webhook.value, facts), trial(facts.trial, namespace)]
}

function policyOf({ failurePolicy }: WebhookFacts): Finding[] {
  if (failurePolicy === 'Fail') return []
  return [
    {
      check,
      level: 'problem',
      message: `failurePolicy is ${failurePolicy}: while the injector is away, pods start outside the mesh in silence`,
      remedy: 'apply what weft install prints, which has Fail',
    },
  ]
}

function caBundle({ roots }: WebhookFacts, { trustBundle, namespace }: Facts): Finding[] {
  const logs = `kubectl -n ${namespace} logs deployment/weft-control-plane --tail=50`
  if (roots === undefined || roots.length === 0) {
    return [
      {
        check,
        level: 'problem',
        message:
          'the caBundle is empty, so the API server trusts no injector: pods of injected namespaces cannot start',
        remedy: 'the control plane writes it; its log says why it does not',
        commands: [logs],
      },
    ]
  }
  if (trustBundle.kind !== 'seen' || trustBundle.value.some(({ fingerprint }) => roots.includes(fingerprint)))
    return []
  return [
    {
      check,
      level: 'problem',
      message: 'the caBundle has none of the mesh’s roots, so the API server does not trust the injector',
      remedy: 'the control plane writes it; its log says why it does not',
      commands: [logs],
    },
  ]
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
