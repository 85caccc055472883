import { atContext, flagsOf, type Place } from '../kubernetes/command-line.ts'
import { formatDuration } from '../proxy/quantities.ts'
import { fields, table } from '../table.ts'
import type { CertificateSummary, ComponentSummary, NamespaceSummary, Summary } from './summarise.ts'

/** The summary for people; `now` in milliseconds since 1970, and the place for what is to be typed there. */
export function describe(summary: Summary, { now, ...place }: Place & { readonly now: number }): string {
  const { components, certificates, namespaces, policies, unseen } = summary
  return [
    fields([
      ...components.map((component) => [component.name, componentState(component)] as const),
      ...certificates.map((certificate) => [certificate.name, lifeOf(certificate, now)] as const),
    ]),
    namespaces.length === 0
      ? `no namespace is injected: ${atContext('kubectl label namespace NAME weft.dev/inject=enabled', place.context)}`
      : table(
          ['NAMESPACE', 'INJECTED', 'PODS', 'MESHED', 'LEFT OUT', 'EXEMPT', 'NOT READY'],
          namespaces.map(namespaceRow),
        ),
    ...(policies.length === 0
      ? []
      : [
          table(
            ['POLICY', 'SAYS', 'WORKLOADS', 'IN FORCE'],
            policies.map(({ kind, namespace, name, says, workloads, accepted }) => [
              `${kind} ${namespace}/${name}`,
              says,
              workloads === undefined ? '?' : String(workloads),
              accepted === undefined
                ? 'not judged yet'
                : accepted.status === 'True'
                  ? 'yes'
                  : `no: ${accepted.message}`,
            ]),
          ),
        ]),
    ...hints(namespaces, place),
    ...unseen.map((what) => `not seen: ${what}`),
  ].join('\n\n')
}

function componentState({ desired, ready, image }: ComponentSummary): string {
  return image === '' ? 'not installed' : `${ready} of ${desired} ready, ${image}`
}

function lifeOf({ notAfter }: CertificateSummary, now: number): string {
  const left = Date.parse(notAfter) - now
  return left > 0 ? `good for another ${formatDuration(left / 1_000)}` : `expired on ${notAfter}`
}

function namespaceRow(namespace: NamespaceSummary): string[] {
  const { name, injected, pods, meshed, leftOut, exempt, notReady } = namespace
  return [name, injected ? 'yes' : 'no', ...[pods, meshed, leftOut, exempt, notReady].map(String)]
}

function hints(namespaces: readonly NamespaceSummary[], place: Place): string[] {
  const wrong = namespaces.some(({ leftOut, notReady }) => leftOut + notReady > 0)
  return wrong
    ? [
        `weft check${flagsOf(place)} says what is wrong with pods that are left out or not ready, and what to do`,
      ]
    : []
}
