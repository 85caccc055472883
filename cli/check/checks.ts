import { checkCertificates } from './checks/certificates.ts'
import { checkClocks } from './checks/clocks.ts'
import { checkDefinitions } from './checks/definitions.ts'
import { checkDeployments } from './checks/deployments.ts'
import { checkNetworkPolicies } from './checks/network-policies.ts'
import { checkNodes } from './checks/nodes.ts'
import { checkPermissions } from './checks/permissions.ts'
import { checkPodSecurity } from './checks/pod-security.ts'
import { checkPolicies } from './checks/policies.ts'
import { checkServiceBalancing } from './checks/service-balancing.ts'
import { checkSidecars } from './checks/sidecars.ts'
import { checkUnmeshed } from './checks/unmeshed.ts'
import { checkVersion } from './checks/version.ts'
import { checkWebhook } from './checks/webhook.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'

type Check = (facts: Facts) => readonly Finding[]

/** What the cluster itself must be like, in the order in which it is told. */
const cluster: readonly Check[] = [checkVersion, checkNodes, checkClocks, checkServiceBalancing]

/** What an installation needs that is not there yet. */
export function checkPrerequisites(facts: Facts): Finding[] {
  const before: readonly Check[] = [...cluster, checkPermissions, checkPodSecurity({ beforehand: true })]
  return [...before, checkNetworkPolicies].flatMap((check) => check(facts))
}

/** What an installation has to be like. */
export function checkInstallation(facts: Facts): Finding[] {
  const after: readonly Check[] = [
    checkDefinitions,
    checkDeployments,
    checkWebhook,
    checkCertificates,
    checkPodSecurity({ beforehand: false }),
    checkNetworkPolicies,
    checkUnmeshed,
    checkSidecars,
    checkPolicies,
  ]
  return [...cluster, ...after].flatMap((check) => check(facts))
}
