import { cidrOf, formatCidr } from '../address.ts'
import { principalOf } from '../spiffe-id.ts'
import { type Clause, emptyMatch, type Match, type Rule, type StringMatch } from './authorization.ts'
import type { ConnectionFacts } from './decision.ts'
import { formatServiceAccount, formatStringMatch } from './format.ts'
import { isEmptyMatch, matchHolds } from './match.ts'

/** A rule widened until it matches, and what was done to it in an author's words. */
export interface Widened<Part> {
  readonly part: Part
  readonly steps: readonly string[]
}

/** The rule that needs the fewest edits to match, edited; undefined when none can be made to. */
export function nearestRule(
  rules: readonly Rule[],
  facts: ConnectionFacts,
): { index: number; rule: Rule; steps: readonly string[] } | undefined {
  const widened = rules.flatMap((rule, index) => {
    const result = widenRule(rule, facts)
    return result ? { index, rule: result.part, steps: result.steps } : []
  })
  return widened.sort((a, b) => a.steps.length - b.steps.length)[0]
}

function widenRule(rule: Rule, facts: ConnectionFacts): Widened<Rule> | undefined {
  const clauses = rule.clauses.map((clause) => widenClause(clause, facts))
  if (!clauses.every((clause) => clause !== undefined)) return undefined
  return {
    part: { clauses: clauses.map(({ part }) => part) },
    steps: clauses.flatMap(({ steps }) => steps),
  }
}

function widenClause(clause: Clause, facts: ConnectionFacts): Widened<Clause> | undefined {
  if (clause.matches.length === 0) return { part: clause, steps: [] }
  const nearest = clause.matches
    .flatMap((match) => widenMatch(match, facts) ?? [])
    .sort((a, b) => a.steps.length - b.steps.length)[0]
  return nearest && { part: { matches: [...clause.matches, nearest.part] }, steps: nearest.steps }
}

function widenMatch(match: Match, facts: ConnectionFacts): Widened<Match> | undefined {
  if (isEmptyMatch(match)) return undefined
  let widened: Widened<Match> | undefined = { part: match, steps: [] }
  for (const field of fields) {
    if (widened === undefined) return undefined
    const next = field(widened.part, facts)
    widened = next && { part: next.part, steps: [...widened.steps, ...next.steps] }
  }
  return widened
}

type Field = (match: Match, facts: ConnectionFacts) => Widened<Match> | undefined

const fields: readonly Field[] = [
  demanding('principals', 'principals', formatStringMatch, ({ peer }) => peer && exact(principalOf(peer))),
  demanding('namespaces', 'namespaces', formatStringMatch, ({ peer }) => peer && exact(peer.namespace)),
  demanding('serviceAccounts', 'serviceAccounts', formatServiceAccount, ({ peer }) => peer),
  demanding('sourceIps', 'ipBlocks', formatCidr, ({ sourceIp }) => cidrOf(sourceIp)),
  demanding('destinationIps', 'destinationIps', formatCidr, ({ destination }) => cidrOf(destination.ip)),
  demanding('destinationPorts', 'ports', String, ({ destination }) => destination.port),
  excluding('notPrincipals', 'notPrincipals', formatStringMatch),
  excluding('notNamespaces', 'notNamespaces', formatStringMatch),
  excluding('notServiceAccounts', 'notServiceAccounts', formatServiceAccount),
  excluding('notSourceIps', 'notIpBlocks', formatCidr),
  excluding('notDestinationIps', 'notDestinationIps', formatCidr),
  excluding('notDestinationPorts', 'notPorts', String),
]

type Value<Key extends keyof Match> = Match[Key][number]

/** A positive field: what it lacks is the connection's own value, if the connection has one. */
function demanding<Key extends keyof Match>(
  key: Key,
  word: string,
  format: (value: Value<Key>) => string,
  own: (facts: ConnectionFacts) => Value<Key> | undefined,
): Field {
  return (match, facts) => {
    if (match[key].length === 0 || matchHolds({ ...emptyMatch, [key]: match[key] }, facts)) {
      return { part: match, steps: [] }
    }
    const value = own(facts)
    if (value === undefined) return undefined
    return {
      part: { ...match, [key]: [...match[key], value] },
      steps: [`add ${format(value)} to ${word}`],
    }
  }
}

/** A negative field: what stands in the way are those of its values that the connection has. */
function excluding<Key extends keyof Match>(
  key: Key,
  word: string,
  format: (value: Value<Key>) => string,
): Field {
  return (match, facts) => {
    const values: readonly Value<Key>[] = match[key]
    const inTheWay = values.filter((value) => !matchHolds({ ...emptyMatch, [key]: [value] }, facts))
    return {
      part: { ...match, [key]: values.filter((value) => !inTheWay.includes(value)) },
      steps: inTheWay.map((value) => `remove ${format(value)} from ${word}`),
    }
  }
}

function exact(value: string): StringMatch {
  return { kind: 'exact', value }
}
