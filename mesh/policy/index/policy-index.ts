import type { Authorization, Clause, Match, Rule } from '../authorization.ts'
import type { ConnectionFacts, PolicyRule } from '../decision.ts'
import { isEmptyMatch, ruleMatches } from '../match.ts'
import { Exclusions } from './exclusions.ts'
import { demandingFields, exceptingFields } from './fields.ts'
import type { Places, Table } from './table.ts'

/**
 * Finds the rules that match a connection among thousands, without asking most of them.
 *
 * Each rule is filed under the rarest values that it demands: one of the clauses, and in each of that clause's matches
 * one field. A connection that the rule matches has one of these values, so that looking up the connection's own values
 * comes upon every rule that can match; each is then asked in full. A rule that demands nothing, and
 * only excepts, is asked unless the connection has a value that it excepts, and once for all that say the same.
 */
export class PolicyIndex {
  /** In the order of policies and of their rules. */
  readonly #entries: readonly Entry[]
  readonly #tables: readonly Table[] = demandingFields()
  /** Rules that demand nothing, those alike together, and by which of them a connection is not excepted. */
  readonly #undemanding: readonly Places[]
  readonly #exclusions: Exclusions

  constructor(policies: readonly Authorization[]) {
    this.#entries = policies.flatMap(({ key, rules }) =>
      rules.map((rule, index) => ({ by: { policy: key, rule: index }, rule })),
    )
    for (const { rule } of this.#entries) this.#count(rule)
    const undemanding = new Map<string, number[]>()
    for (const [place, { rule }] of this.#entries.entries()) {
      const anchor = this.#anchorOf(rule)
      if (anchor === undefined) append(undemanding, JSON.stringify(rule, bytesLeftOut), place)
      else for (const { table, match } of anchor.ways) table.file(match, place)
    }
    for (const table of this.#tables) table.settle()
    this.#undemanding = [...undemanding.values()]
    const alike = this.#undemanding.map(([place]) => this.#entries[place!]!.rule)
    this.#exclusions = new Exclusions(alike, exceptingFields())
  }

  first(facts: ConnectionFacts): PolicyRule | undefined {
    let first = this.#entries.length
    for (const places of this.#candidates(facts)) {
      for (const place of places) {
        if (place >= first) break
        if (ruleMatches(this.#entries[place]!.rule, facts)) first = place
      }
    }
    for (const group of this.#exclusions.open(facts)) {
      const place = this.#undemanding[group]![0]!
      if (place >= first) break
      if (ruleMatches(this.#entries[place]!.rule, facts)) first = place
    }
    return this.#entries[first]?.by
  }

  every(facts: ConnectionFacts): readonly PolicyRule[] {
    const matching = new Set<number>()
    for (const places of this.#candidates(facts)) {
      for (const place of places) if (ruleMatches(this.#entries[place]!.rule, facts)) matching.add(place)
    }
    for (const group of this.#exclusions.open(facts)) {
      const places = this.#undemanding[group]!
      if (!ruleMatches(this.#entries[places[0]!]!.rule, facts)) continue
      for (const place of places) matching.add(place)
    }
    const firstByPolicy = new Map<string, PolicyRule>()
    for (const place of [...matching].sort((a, b) => a - b)) {
      const { by } = this.#entries[place]!
      if (!firstByPolicy.has(by.policy)) firstByPolicy.set(by.policy, by)
    }
    return [...firstByPolicy.values()]
  }

  #candidates(facts: ConnectionFacts): readonly Places[] {
    const candidates: Places[] = []
    for (const table of this.#tables) table.collect(facts, candidates)
    return candidates
  }

  #count({ clauses }: Rule): void {
    for (const { matches } of clauses) {
      for (const match of matches) for (const table of this.#tables) table.count(match)
    }
  }

  /** The clause whose values are demanded the least; undefined when none demands any. */
  #anchorOf({ clauses }: Rule): Anchor | undefined {
    return rarest(clauses.flatMap((clause) => this.#clauseAnchor(clause) ?? []))
  }

  /** A field of each match, since any of them may be the one that holds; undefined when one demands nothing. */
  #clauseAnchor({ matches }: Clause): Anchor | undefined {
    if (matches.length === 0) return undefined
    // An empty match holds for nobody, and is no way into the clause.
    const anchors = matches.filter((match) => !isEmptyMatch(match)).map((match) => this.#matchAnchor(match))
    if (!anchors.every((anchor) => anchor !== undefined)) return undefined
    return {
      ways: anchors.flatMap(({ ways }) => ways),
      crowd: Math.max(0, ...anchors.map(({ crowd }) => crowd)),
    }
  }

  #matchAnchor(match: Match): Anchor | undefined {
    return rarest(
      this.#tables.flatMap((table) => {
        const crowd = table.crowd(match)
        return crowd === undefined ? [] : [{ ways: [{ table, match }], crowd }]
      }),
    )
  }
}

interface Entry {
  readonly by: PolicyRule
  readonly rule: Rule
}

/** Where a rule is filed. */
interface Anchor {
  readonly ways: ReadonlyArray<{ readonly table: Table; readonly match: Match }>
  /** How often the commonest of the values is demanded. */
  readonly crowd: number
}

function rarest(anchors: readonly Anchor[]): Anchor | undefined {
  let found: Anchor | undefined
  for (const anchor of anchors) if (found === undefined || anchor.crowd < found.crowd) found = anchor
  return found
}

/** A range's bytes say what its address says, at length. */
function bytesLeftOut(key: string, value: unknown): unknown {
  return key === 'bytes' ? undefined : value
}

function append(lists: Map<string, number[]>, key: string, place: number): void {
  const list = lists.get(key)
  if (list) list.push(place)
  else lists.set(key, [place])
}
