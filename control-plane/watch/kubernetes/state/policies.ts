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
    .flatMap((judgement) => (judgement.kind === 'accepted' ? judgement.document : (judgement.lastGood ?? [])))
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

function judge(object: PolicyObject, before: Judgement | undefined): Judgement {
  const parsed = parsePolicy(documentOf(object))
  if ('policy' in parsed) return { kind: 'accepted', document: parsed.policy }
  const problems = parsed.problems.map(({ path, message }) => `${placeOf(path)} ${message}`)
  const lastGood = before?.kind === 'accepted' ? before.document : before?.lastGood
  return { kind: 'refused', problems, lastGood }
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
