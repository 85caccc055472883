import type {
  V1CustomResourceDefinition,
  V1Deployment,
  V1MutatingWebhookConfiguration,
} from '@kubernetes/client-node'
import { labelSelector } from '#mesh/label-selector.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { mapSeen, seen } from '../../kubernetes/seen.ts'
import type { DefinitionFacts, DeploymentFacts, Facts, WebhookFacts } from '../facts.ts'
import { readCertificates } from './pem.ts'

type InstallationFacts = Pick<Facts, 'definitions' | 'deployments' | 'webhooks'>

/** What weft install has made. */
export async function gatherInstallation(
  connection: Connection,
  namespace: string,
): Promise<InstallationFacts> {
  const [definitions, deployments, webhooks] = await Promise.all([
    gatherDefinitions(connection),
    gatherDeployments(connection, namespace),
    gatherWebhooks(connection),
  ])
  return { definitions, deployments, webhooks }
}

export async function gatherWebhooks(connection: Connection): Promise<Facts['webhooks']> {
  const configuration = await connection.get<V1MutatingWebhookConfiguration>(
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector',
  )
  return mapSeen(configuration, webhookFacts)
}

export async function gatherDeployments(
  connection: Connection,
  namespace: string,
): Promise<Facts['deployments']> {
  const list = await connection.list<V1Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments`)
  return mapSeen(list, (deployments) => deployments.map(deploymentFacts))
}

async function gatherDefinitions(connection: Connection): Promise<Facts['definitions']> {
  const names = ['authorizationpolicies.weft.dev', 'peerauthentications.weft.dev']
  const answers = await Promise.all(
    names.map((name) =>
      connection.get<V1CustomResourceDefinition>(
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`,
      ),
    ),
  )
  const hidden = answers.find(({ kind }) => kind === 'hidden')
  if (hidden?.kind === 'hidden') return hidden
  return seen(answers.flatMap((answer) => (answer.kind === 'seen' ? [definitionFacts(answer.value)] : [])))
}

function definitionFacts({ metadata, spec, status }: V1CustomResourceDefinition): DefinitionFacts {
  return {
    name: metadata?.name ?? '',
    served: spec.versions.filter(({ served }) => served).map(({ name }) => name),
    established:
      status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true,
  }
}

function deploymentFacts({ metadata, spec, status }: V1Deployment): DeploymentFacts {
  return {
    name: metadata?.name ?? '',
    desired: spec?.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    image: spec?.template.spec?.containers[0]?.image ?? '',
  }
}

function webhookFacts({ webhooks = [] }: V1MutatingWebhookConfiguration): WebhookFacts[] {
  return webhooks.map(({ name, failurePolicy = 'Fail', namespaceSelector, clientConfig: { caBundle } }) => {
    const { certificates, unreadable } = readCertificates(
      Buffer.from(caBundle ?? '', 'base64').toString('utf8'),
    )
    return {
      name,
      failurePolicy,
      namespaceSelector: labelSelector(namespaceSelector),
      roots: certificates.map(({ fingerprint256 }) => fingerprint256),
      unreadableRoots: unreadable,
    }
  })
}
