import type { PolicyDocument } from '#mesh/policy/documents.ts'
import { parsePolicy } from '#mesh/policy/parse.ts'
import { isMapping } from '#mesh/policy/schema/written.ts'
import { formatPath } from '../../file/problems.ts'
import type { PolicyObject } from '../objects/policy.ts'

/** What was made of a policy as it is written now. */
export type Judgement =
  | { readonly kind: 'accepted'; readonly document: PolicyDocument }
  | {
      readonly kind: 'refused'
      /** One line each: the field, and what to write instead. */
      readonly problems: readonly string[]
      /** The version before, which stays in force; undefined when no version was ever accepted. */
      readonly lastGood: PolicyDocument | undefined
      /** What holds in place of one that never was good: nobody knows what it would have refused, so all is. */
      readonly standIn: PolicyDocument | undefined
    }

/** Judges policies, and remembers of each the last version that was accepted. */
export class PolicyKeeper {
  #judged = new Map<string, { readonly object: PolicyObject; readonly judgement: Judgement }>()

  /** By object. Those that are gone are forgotten; a new one of the same name begins anew. */
  take(objects: Iterable<PolicyObject>): ReadonlyMap<PolicyObject, Judgement> {
    const judged = new Map<string, { readonly object: PolicyObject; readonly judgement: Judgement }>()
    for (const object of objects) {
      const known = this.#judged.get(object.uid)
      // A status that was written changes nothing, and neither does the answer.
      const unchanged = known?.object.generation === object.generation ? known.judgement : undefined
      judged.set(object.uid, { object, judgement: unchanged ?? judge(object, known?.judgement) })
    }
    this.#judged = judged
    return new Map([...judged.values()].map(({ object, judgement }) => [object, judgement]))
  }
}

/** The policies that are in force. */
export function inForce(judgements: ReadonlyMap<PolicyObject, Judgement>): PolicyDocument[] {
  return [...judgements.values()]
    .flatMap((judgement) => holding(judgement) ?? [])
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

/** What holds of a policy now; undefined for a dry run that never was good. */
export function holding(judgement: Judgement): PolicyDocument | undefined {
  return judgement.kind === 'accepted' ? judgement.document : (judgement.lastGood ?? judgement.standIn)
}

/** What becomes of a refused policy until it is mended, as a part of a sentence. */
export function meanwhile({ lastGood, standIn }: Judgement & { kind: 'refused' }): string {
  if (lastGood) return versionBefore
  return standIn ? 'what it selects is closed until it is mended' : 'it is not in force'
}

/** How a status ends that leaves a version in force which no object holds any more. */
export const versionBefore = 'the version before stays in force'

function judge(object: PolicyObject, before: Judgement | undefined): Judgement {
  const parsed = parsePolicy(documentOf(object))
  if ('policy' in parsed) return { kind: 'accepted', document: parsed.policy }
  const problems = parsed.problems.map(({ path, message }) => `${placeOf(path)} ${message}`)
  const lastGood = before?.kind === 'accepted' ? before.document : before?.lastGood
  return { kind: 'refused', problems, lastGood, standIn: standInFor(object) }
}

/** Closes what the policy selects, or its whole namespace where that cannot be read either. */
function standInFor(object: PolicyObject): PolicyDocument | undefined {
  const spec = isMapping(object.spec) ? object.spec : {}
  if (spec['dryRun'] === true) return undefined
  const closed = closedBy(object, spec)
  for (const scope of [{ selector: spec['selector'] }, {}]) {
    const parsed = parsePolicy(documentOf({ ...object, spec: { ...scope, ...closed } }))
    if ('policy' in parsed) return parsed.policy
  }
  throw new Error(`no stand-in for ${object.kind} ${object.namespace}/${object.name}`)
}

function closedBy({ kind }: PolicyObject, { action = 'Allow' }: Readonly<Record<string, unknown>>) {
  if (kind === 'PeerAuthentication') return { mode: 'Strict' }
  // Beside other policies an Allow that admits nobody takes nothing away from them, as this one would not have.
  if (action === 'Allow') return { action, rules: [] }
  return { action: 'Deny', rules: [{ from: [{ ipBlocks: ['0.0.0.0/0', '::/0'] }] }] }
}

/** The document that a registry file would hold: names beside the fields, labels right under the selector. */
function documentOf({ kind, namespace, name, spec }: PolicyObject): unknown {
  if (!isMapping(spec)) return spec
  const { selector, ...fields } = spec
  const document = { ...fields, kind, namespace, name }
  return selector === undefined ? document : { ...document, selector: labelsOf(selector) }
}

function labelsOf(selector: unknown): unknown {
  if (!isMapping(selector) || !isMapping(selector['matchLabels'])) return selector
  const { matchLabels, ...others } = selector
  return { ...matchLabels, ...others }
}

function placeOf(path: readonly (string | number)[]): string {
  const [field, label, ...rest] = path
  const written = field === 'selector' && label !== undefined && label !== 'matchExpressions'
  return formatPath(['spec', ...(written ? ['selector', 'matchLabels', label, ...rest] : path)])
}

function sortKey({ kind, namespace, name }: PolicyDocument): string {
  return `${kind}/${namespace}/${name}`
}
