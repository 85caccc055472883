import type { DeploymentFacts, Facts } from '../facts.ts'
import { type Finding, ok, unseen } from '../finding.ts'
import { installing } from '../installing.ts'

const consequences: Readonly<Record<string, string>> = {
  'weft-control-plane': 'no pod that starts gets a certificate, and nobody hears of changes',
  'weft-injector': 'no pod starts in the namespaces that are injected',
}

/** Whether the control plane and the injector run, in the version of this command. */
export function checkDeployments(facts: Facts): Finding[] {
  const { deployments, namespace } = facts
  if (deployments.kind === 'hidden') return [unseen('deployments', 'deployments', deployments.why)]
  const known = deployments.kind === 'seen' ? deployments.value : []
  return Object.entries(consequences).flatMap(([name, consequence]) => {
    const deployment = known.find((one) => one.name === name)
    if (!deployment) return [missing(name, facts)]
    return [readiness(deployment, consequence, namespace), ...versionOf(deployment, facts)]
  })
}

function missing(name: string, facts: Facts): Finding {
  return {
    check: 'deployments',
    level: 'problem',
    message: `there is no deployment ${name} in namespace ${facts.namespace}`,
    ...installing(facts, 'install weft, or say with --namespace where it is'),
  }
}

function readiness(deployment: DeploymentFacts, consequence: string, namespace: string): Finding {
  const { name, ready, desired } = deployment
  const message = `${ready} of ${desired} ${name} ready`
  if (ready > 0 && ready >= desired) return ok('deployments', message)
  return {
    check: 'deployments',
    level: ready === 0 ? 'problem' : 'warning',
    message: ready === 0 ? `${message}: ${consequence}` : message,
    remedy: 'look at why',
    commands: [
      `kubectl -n ${namespace} describe deployment ${name}`,
      `kubectl -n ${namespace} logs deployment/${name} --tail=50`,
    ],
  }
}

function versionOf({ name, image }: DeploymentFacts, facts: Facts): Finding[] {
  const { version } = facts
  const tag = /:([^:/@]+)(@|$)/.exec(image)?.[1]
  if (tag === undefined || tag === version || !/^v?\d+\.\d+\.\d+/.test(tag)) return []
  return [
    {
      check: 'deployments',
      level: 'warning',
      message: `${name} is ${tag}, and this command ${version}`,
      ...installing(facts, 'use the command of that version, or upgrade'),
    },
  ]
}
