import * as v from 'valibot'
import { type Pod, parsePod } from '../pod.ts'
import { parseJson } from './parse-json.ts'

/** What the API server asks about. */
export interface ReviewRequest {
  readonly uid: string
  readonly namespace: string
  /** The pod's name, or the prefix that its name will be made of; for the log. */
  readonly name: string
  readonly operation: string
  readonly dryRun: boolean
  readonly pod: Pod
}

export type ParsedReview =
  | { readonly kind: 'request'; readonly request: ReviewRequest }
  /** Not from an API server that is set up right: there is nobody to answer. */
  | { readonly kind: 'garbage'; readonly message: string }

/** Parses an AdmissionReview `admission.k8s.io/v1` about a pod. */
export function parseReview(body: string): ParsedReview {
  const json = parseJson(body)
  if (json.kind === 'refused') return garbage(`the body is not accepted: ${json.message}`)
  const envelope = v.safeParse(envelopeSchema, json.value)
  if (!envelope.success) {
    return garbage(
      'the body is no AdmissionReview of admission.k8s.io/v1, the only version that weft answers',
    )
  }
  const review = v.safeParse(requestSchema, envelope.output.request)
  if (!review.success) {
    const [issue] = review.issues
    const where = ['request', v.getDotPath(issue)].filter(Boolean).join('.')
    return garbage(`${where} is not what a review has there: ${issue.message}`)
  }
  const { uid, namespace, operation, dryRun, object, name, kind } = review.output
  if (kind.group !== '' || kind.version !== 'v1' || kind.kind !== 'Pod') {
    return garbage('the review is not about a v1 Pod: let the webhook’s rules name pods of v1 only')
  }
  const parsed = parsePod(object)
  if (parsed.kind === 'refused') return garbage(`the review's pod: ${parsed.message}`)
  const { pod } = parsed
  const shown = pod.metadata?.name ?? name ?? pod.metadata?.generateName ?? ''
  const request = { uid, namespace, operation, dryRun: dryRun ?? false, name: shown, pod }
  return { kind: 'request', request }
}

function garbage(message: string): ParsedReview {
  return { kind: 'garbage', message }
}

const envelopeSchema = v.object({
  apiVersion: v.literal('admission.k8s.io/v1'),
  kind: v.literal('AdmissionReview'),
  request: v.optional(v.unknown()),
})

const requestSchema = v.object({
  uid: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  kind: v.object({ group: v.string(), version: v.string(), kind: v.string() }),
  namespace: v.pipe(v.string(), v.minLength(1), v.maxLength(63)),
  name: v.nullish(v.string()),
  operation: v.string(),
  dryRun: v.nullish(v.boolean()),
  object: v.unknown(),
})
