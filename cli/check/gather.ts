import type { Connection } from '../kubernetes/connection.ts'
import type { Facts } from './facts.ts'
import { gatherCertificates } from './gather/certificates.ts'
import { gatherCluster } from './gather/cluster.ts'
import { gatherInstallation } from './gather/installation.ts'
import { gatherNetwork } from './gather/network.ts'
import { gatherPermissions } from './gather/permissions.ts'
import { gatherPods } from './gather/pods.ts'
import { gatherPolicies } from './gather/policies.ts'
import { tryPod } from './gather/trial.ts'

export interface GatherOptions {
  readonly version: string
  readonly namespace: string
  readonly pre: boolean
}

/** Asks the API server for everything that is judged. Throws Failure when it does not answer. */
export async function gather(connection: Connection, options: GatherOptions): Promise<Facts> {
  const { version, namespace, pre } = options
  const [cluster, pods, network, permissions] = await Promise.all([
    gatherCluster(connection),
    gatherPods(connection),
    gatherNetwork(connection),
    pre ? gatherPermissions(connection, namespace) : [],
  ])
  const before = { version, namespace, permissions, pods, ...cluster, ...network }
  const [installation, certificates, policies] = await Promise.all([
    gatherInstallation(connection, namespace),
    gatherCertificates(connection, { namespace, pods }),
    gatherPolicies(connection),
  ])
  const trial = pre
    ? ({ kind: 'not-tried', why: 'weft is not installed yet' } as const)
    : await tryPod(connection, { ...before, ...installation })
  return { ...before, ...installation, ...certificates, policies, trial }
}
