import { parse as parseYaml } from 'yaml'
import { type IpAddress, parseIp } from '../../address.ts'
import { parseSpiffeId } from '../../spiffe-id.ts'
import type { PolicyTarget } from '../compile.ts'
import type { ConnectionFacts } from '../decision.ts'
import type { Labels } from '../documents.ts'
import { type MarkdownTable, tablesOf } from './markdown.ts'

/** One question of the decision table, and the answer that it must get. */
export interface Case {
  readonly title: string
  /** YAML in flow style, the items of a list. */
  readonly policies: string
  readonly workload: PolicyTarget
  readonly facts: ConnectionFacts
  /** In the table's words; `yes` and `no` of a table of rules say no more than the rule's number. */
  readonly answer: string
}

/** The cases of docs/policy.md; throws for a table, a name or an answer that it does not understand. */
export function casesOf(markdown: string): Case[] {
  const all = tablesOf(markdown)
  const begin = all.findIndex(({ headings }) => headings.includes('Decision table'))
  const [sources, workloads, ...tables] = all.slice(begin)
  if (begin < 0 || !sources || !workloads) throw new Error('there is no decision table')
  const world: World = { sources: sourcesOf(sources), workloads: workloadsOf(workloads) }
  return tables.flatMap((table) =>
    table.head[0] === 'from' ? casesOfPolicies(table, world) : casesOfRules(table, world),
  )
}

interface World {
  readonly sources: ReadonlyMap<string, Pick<ConnectionFacts, 'peer' | 'sourceIp'>>
  readonly workloads: ReadonlyMap<string, PolicyTarget & { readonly ip: IpAddress }>
}

/** `| from | to | answer |` under the policies of the section. */
function casesOfPolicies({ headings, yaml, rows }: MarkdownTable, world: World): Case[] {
  const documents = yaml === '' ? [] : (parseYaml(yaml) as unknown[])
  const policies = documents.map((document) => JSON.stringify(document)).join(', ')
  return rows.flatMap(([from = '', to = '', answer = '']) =>
    from.split(', ').map((source) => ({
      title: `${headings.at(-1)}: ${source} to ${to}`,
      policies,
      ...connection(source, to, world),
      answer,
    })),
  )
}

/** `| case | rules | yes | no |`: one policy, shop/policy, with these rules. */
function casesOfRules({ head, rows }: MarkdownTable, world: World): Case[] {
  const action = /^an? (Allow|Deny) with these rules$/.exec(head[1] ?? '')?.[1]
  if (action === undefined || head[2] !== 'yes' || head[3] !== 'no')
    throw new Error(`unknown table: ${head.join(', ')}`)
  return rows.flatMap(([title = '', code = '', yes = '', no = '']) => {
    const rules = /^`(.*)`$/.exec(code)?.[1]
    if (rules === undefined) throw new Error(`${title}: the rules are no code: ${code}`)
    const list = rules === 'none' ? '' : rules
    const policies = `{ kind: AuthorizationPolicy, name: policy, namespace: shop, action: ${action}, rules: [${list}] }`
    const named = (cell: string, answer: (rule: string) => string) =>
      cell === ''
        ? []
        : cell.split(', ').map((item) => {
            const [, source, to, rule] = /^(\S+)(?: to (\S+))?(?: by rule (\d+))?$/.exec(item) ?? []
            if (source === undefined) throw new Error(`${title}: what is "${item}"?`)
            return {
              title: `${action}, ${title}: ${item}`,
              policies,
              ...connection(source, to ?? '8080', world),
              answer: answer(rule ?? '0'),
            }
          })
    const by = (rule: string) => `by rule ${rule} of shop/policy`
    return action === 'Allow'
      ? [...named(yes, (rule) => `yes, ${by(rule)}`), ...named(no, () => 'no, none of shop/policy')]
      : [...named(yes, () => 'yes'), ...named(no, (rule) => `no, ${by(rule)}`)]
  })
}

function connection(source: string, to: string, { sources, workloads }: World) {
  const [, name = 'backend', port] = /^(?:([a-z]+):)?(\d+)$/.exec(to) ?? []
  const from = sources.get(source)
  const workload = workloads.get(name)
  if (!from || !workload || port === undefined) throw new Error(`who is ${source}, or ${to}?`)
  return { workload, facts: { ...from, destination: { ip: workload.ip, port: Number(port) } } }
}

function sourcesOf({ rows }: MarkdownTable): World['sources'] {
  return new Map(
    rows.map(([name = '', address = '', identity]) => {
      const peer = identity === 'none' ? undefined : parseSpiffeId(`spiffe://${identity}`)
      if (identity !== 'none' && !peer) throw new Error(`${name}: ${identity} is no identity`)
      return [name, { peer, sourceIp: parseIp(address)! }]
    }),
  )
}

function workloadsOf({ rows }: MarkdownTable): World['workloads'] {
  return new Map(
    rows.map(([name = '', address = '', namespace = '', labels = '']) => [
      name,
      { ip: parseIp(address)!, namespace, labels: parseYaml(`{ ${labels} }`) as Labels },
    ]),
  )
}
