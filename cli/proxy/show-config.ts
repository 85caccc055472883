import { formatPolicy } from '#mesh/policy/format.ts'
import { fields, table } from '../table.ts'
import { config as answer, type Config } from './answers.ts'
import type { Question } from './question.ts'
import type { Section } from './sections.ts'
import { show } from './show.ts'

/** Shows what a sidecar knows; answers the exit status. */
export async function showConfig(question: Question, section?: Section): Promise<number> {
  return await show(question, {
    method: 'GET',
    path: '/config',
    answer,
    select: (document) => (section ? select(document as Config, section) : document),
    describe: (config) => describe(config, section),
  })
}

function select(document: Config, section: Section): unknown {
  if (section !== 'summary') return document[section]
  const { policies, services, workloads, ...summary } = document
  const known = { workloads: workloads.length, services: services.length, policies: policies.length }
  return { ...summary, known }
}

function describe(config: Config, section: Section = 'summary'): string {
  switch (section) {
    case 'summary':
      return summary(config)
    case 'workloads':
      return table(
        ['WORKLOAD', 'ADDRESSES', 'REACHED BY', 'HEALTH', 'IDENTITY'],
        config.workloads.map(({ uid, addresses, tunnel, health, identity }) => {
          const reached = tunnel === 'hbone' ? 'mutual TLS' : 'plaintext'
          return [podOf(uid), addresses.join(' '), reached, health, identity]
        }),
      )
    case 'services':
      return table(
        ['SERVICE', 'ADDRESSES', 'PORTS', 'ENDPOINTS'],
        config.services.map(({ name, addresses, ports, endpoints }) => [
          name,
          addresses.join(' ') || 'headless',
          // 0 says that each endpoint has its own.
          ports.map(({ servicePort, targetPort }) => `${servicePort}->${targetPort || '*'}`).join(' '),
          endpoints.map(podOf).join(' ') || 'none',
        ]),
      )
    case 'policies':
      return table(
        ['POLICY', 'ACTION', 'SCOPE', 'RULES', 'DRY RUN'],
        config.policies.map(({ name, action, scope, rules, dryRun }) => [
          formatPolicy(name),
          action,
          scope,
          String(rules),
          dryRun ? 'yes' : 'no',
        ]),
      )
  }
}

function summary({ ready, waitsFor, controlPlane, own, settings, trust, ...known }: Config): string {
  const { workloads, services, policies } = known
  const holding = own?.policies.map(formatPolicy).join(', ')
  return fields([
    ['ready', ready ? 'yes' : `no, waits for ${waitsFor ?? 'something'}`],
    ['control plane', controlPlane],
    ['workload', own && podOf(own.uid)],
    ['identity', own?.identity],
    ['policies that hold on it', own && (holding || 'none')],
    ['networks of the mesh', settings.networks.join(', ') || 'not known yet'],
    ['egress', settings.egress],
    ['plaintext from the mesh', settings.rejectPlaintextFromMesh ? 'refused' : 'as policy says'],
    ['trust', trust && `${trust.trustDomain}, by ${counted(trust.roots.length, 'root')}`],
    [
      'knows',
      [
        counted(workloads.length, 'workload'),
        counted(services.length, 'service'),
        `${policies.length} ${policies.length === 1 ? 'policy' : 'policies'}`,
      ].join(', '),
    ],
  ])
}

/** `namespace/name` of a pod's uid, or the uid of anything else. */
function podOf(uid: string): string {
  return /\/\/Pod\/([^/]+\/[^/]+)$/.exec(uid)?.[1] ?? uid
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
