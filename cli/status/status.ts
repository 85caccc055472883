import { gatherCertificates } from '../check/gather/certificates.ts'
import { gatherNamespaces } from '../check/gather/cluster.ts'
import { gatherDeployments, gatherWebhooks } from '../check/gather/installation.ts'
import { gatherPods } from '../check/gather/pods.ts'
import { gatherPolicies } from '../check/gather/policies.ts'
import { connect } from '../kubernetes/connection.ts'
import { type Output, print } from '../output.ts'
import { describe } from './describe.ts'
import { summarise } from './summarise.ts'

export interface StatusRequest {
  readonly context: string | undefined
  /** The mesh's own. */
  readonly namespace: string
  readonly output: Output
}

/** Tells what there is of the mesh; answers the exit status. */
export async function status({ context, namespace, output }: StatusRequest): Promise<number> {
  const connection = await connect({ command: 'weft status', context })
  const [namespaces, webhooks, pods, deployments, policies] = await Promise.all([
    gatherNamespaces(connection),
    gatherWebhooks(connection),
    gatherPods(connection),
    gatherDeployments(connection, namespace),
    gatherPolicies(connection),
  ])
  const certificates = await gatherCertificates(connection, { namespace, pods })
  const summary = summarise({
    namespace,
    namespaces,
    webhooks,
    pods,
    deployments,
    policies,
    ...certificates,
  })
  print(
    output,
    () => ({ context: connection.context, server: connection.server, ...summary }),
    () => describe(summary, { now: Date.now(), context, namespace }),
  )
  return summary.components.every(({ ready }) => ready > 0) ? 0 : 1
}
