import { formatSocketAddress } from '#mesh/address.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import { fields, type Terminal, table } from '../table.ts'
import type { Answer } from './explain.ts'
import { nameOf } from './names.ts'
import { describeTransport, type Outcome } from './outcome.ts'
import type { Source } from './source.ts'

/** An answer for people, on a terminal or not. */
export function describeAnswer(answer: Answer, terminal: Terminal = process.stdout): string {
  const { source, outcomes, notes } = answer
  const groups = grouped(outcomes)
  const [only, ...others] = groups
  const body = only && others.length === 0 ? common(answer, only) : differing(answer, terminal)
  return [
    headline(answer),
    fields([['source', describeSource(source)], ...body.rows]).replaceAll(/^/gm, '  '),
    ...(body.table === undefined ? [] : [body.table.replaceAll(/^/gm, '  ')]),
    ...groups.flatMap((group) => changes(group, groups.length > 1)),
    ...(notes.length > 0 ? [notes.map((note) => `Note: ${note}`).join('\n')] : []),
  ].join('\n\n')
}

interface Body {
  readonly rows: readonly (readonly [string, string | undefined])[]
  readonly table?: string
}

function headline({ source, destination: { asked }, verdict, outcomes }: Answer): string {
  const who = source.workload ? nameOf(source.workload) : source.asked
  switch (verdict) {
    case 'yes':
      return `yes: ${who} may connect to ${asked}`
    case 'no':
      return `no: ${who} may not connect to ${asked}`
    case 'partly': {
      const allowed = outcomes.filter((outcome) => outcome.allowed).length
      return `partly: ${who} may connect to ${allowed} of the ${outcomes.length} endpoints of ${asked}`
    }
  }
}

function describeSource({ workload, meshed, addresses }: Source): string {
  if (!workload) return `${addresses[0]}, which no workload has, so without an identity`
  if (!meshed) return `${addresses.join(', ')}, not meshed, so without an identity`
  return formatSpiffeId(workload.identity)
}

/** All endpoints alike: the answer once. */
function common({ service, outcomes }: Answer, [like]: Group): Body {
  const to = outcomes.flatMap(({ address, workload }) => {
    return address ? [`${formatSocketAddress(address)}${workload ? ` (${nameOf(workload)})` : ''}`] : []
  })
  const route = [...(service ? [`service ${service.key}`] : []), ...(to.length > 0 ? [to.join(', ')] : [])]
  return {
    rows: [
      ['route', route.join(' -> ')],
      ['transport', describeTransport(like.transport)],
      ['because', like.because],
      ['dry run', like.wouldDeny.length > 0 ? like.wouldDeny.join('; ') : undefined],
    ],
  }
}

function differing({ service, outcomes }: Answer, terminal: Terminal): Body {
  return {
    rows: [['route', service ? `service ${service.key}` : 'by address']],
    table: table(
      ['ENDPOINT', 'WORKLOAD', 'ALLOWED', 'TRANSPORT', 'BECAUSE'],
      outcomes.map(({ address, workload, allowed, transport, because, wouldDeny }) => [
        address ? formatSocketAddress(address) : '-',
        workload ? nameOf(workload) : '-',
        allowed ? 'yes' : 'no',
        describeTransport(transport),
        [because, ...wouldDeny.map((reason) => `dry run: ${reason}`)].join('; '),
      ]),
      terminal,
    ),
  }
}

/** Outcomes that are told in the same words. */
type Group = readonly [Outcome, ...Outcome[]]

function grouped(outcomes: readonly Outcome[]): Group[] {
  const alike = Map.groupBy(outcomes, ({ allowed, transport, because, changes, wouldDeny }) =>
    JSON.stringify([allowed, transport, because, changes, wouldDeny]),
  )
  return [...alike.values()].flatMap(([first, ...others]) => (first ? [[first, ...others]] : []))
}

function changes(group: Group, several: boolean): string[] {
  const [like] = group
  if (like.changes.length === 0) return []
  const where = several ? ` for ${group.map(placeOf).join(', ')}` : ''
  const title = `To ${like.allowed ? 'refuse' : 'allow'} it${where}${like.changes.length > 1 ? ', any one of' : ''}:`
  return [[title, ...like.changes.map((change) => `  - ${change}`)].join('\n')]
}

function placeOf({ address, workload }: Outcome): string {
  if (workload) return nameOf(workload)
  return address ? formatSocketAddress(address) : 'it'
}
