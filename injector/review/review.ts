import type { Log } from '#runtime/log.ts'
import type { Namespace } from '../decide/namespace.ts'
import { type Injection, inject, type Outcome } from '../inject.ts'
import { parseReview, type ReviewRequest } from './admission-review.ts'
import { reviewResponse } from './response.ts'

/** Where namespaces are learned. A review does not carry their labels. */
export interface Namespaces {
  /** Rejects when the namespace cannot be read in good time. */
  find(name: string): Promise<Namespace>
}

export interface Reviewing extends Injection {
  readonly namespaces: Namespaces
  readonly log: Log
  /** Told of each answer; dry runs included. */
  readonly counted: (result: Outcome['kind'] | 'garbage' | 'failed') => void
}

export interface ReviewAnswer {
  readonly status: number
  readonly body: unknown
}

/** Answers one AdmissionReview. It changes nothing anywhere, so a dry run is answered like any other. */
export async function review(body: string, reviewing: Reviewing): Promise<ReviewAnswer> {
  const { namespaces, counted, log } = reviewing
  const parsed = parseReview(body)
  if (parsed.kind === 'garbage') {
    counted('garbage')
    log.warn('a review was not understood', { problem: parsed.message })
    return { status: 400, body: { error: parsed.message } }
  }
  const { request } = parsed
  if (request.operation !== 'CREATE') {
    const reason = `a pod's containers cannot change at ${request.operation}`
    return answer(request, { kind: 'skipped', reason, warnings: [] }, reviewing)
  }
  let namespace: Namespace
  try {
    namespace = await namespaces.find(request.namespace)
  } catch (error) {
    counted('failed')
    log.error('a namespace could not be read; the pod is not admitted', {
      namespace: request.namespace,
      error,
    })
    // An answer that is no review is a failure of the webhook, upon which the API server refuses the pod.
    return { status: 500, body: { error: `namespace ${request.namespace} cannot be read now: try again` } }
  }
  return answer(request, inject(request.pod, namespace, reviewing), reviewing)
}

function answer(request: ReviewRequest, outcome: Outcome, { counted, log }: Reviewing): ReviewAnswer {
  const { namespace, name: pod, dryRun, uid } = request
  counted(outcome.kind)
  log.info(`pod ${outcome.kind}`, {
    namespace,
    pod,
    ...(dryRun && { dryRun }),
    ...(outcome.kind === 'skipped' && { reason: outcome.reason }),
    ...(outcome.kind === 'refused' && { cause: outcome.cause, reason: outcome.message }),
    ...(outcome.warnings.length > 0 && { warnings: outcome.warnings }),
  })
  return { status: 200, body: reviewResponse(uid, outcome) }
}
