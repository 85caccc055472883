import type { V1Pod } from '@kubernetes/client-node'
import { proxyName } from '#mesh/injected.ts'
import { type Connection, reasonOf } from '../../kubernetes/connection.ts'
import { seenOr } from '../../kubernetes/seen.ts'
import { isExcluded } from '../checks/excluded.ts'
import type { Facts, Trial } from '../facts.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'weft-check-' },
  spec: {
    restartPolicy: 'Never',
    containers: [
      {
        name: 'trial',
        image: 'weft.invalid/trial',
        resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
      },
    ],
  },
}

/** Creates a pod without keeping it (dry run), which takes the whole way through the webhook. */
export async function tryPod(
  connection: Connection,
  facts: Pick<Facts, 'namespaces' | 'webhooks' | 'namespace'>,
): Promise<Trial> {
  const injected = seenOr(facts.namespaces, []).filter((one) => one.injected && !isExcluded(one, facts))
  const place = injected.find(({ podSecurity }) => podSecurity === 'privileged') ?? injected[0]
  if (!place)
    return {
      kind: 'not-tried',
      why: 'no namespace that the webhook looks at is labelled weft.dev/inject=enabled',
    }
  const namespace = place.name
  const answer = await connection.send('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod)
  if (answer.status === 403 && reasonOf(answer).startsWith('pods is forbidden')) {
    return { kind: 'not-tried', why: reasonOf(answer) }
  }
  if (answer.status >= 300) return { kind: 'refused', namespace, message: reasonOf(answer) }
  const { initContainers = [] } = (answer.body as V1Pod).spec ?? {}
  return { kind: initContainers.some(({ name }) => name === proxyName) ? 'injected' : 'untouched', namespace }
}
