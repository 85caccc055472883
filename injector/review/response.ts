import type { Outcome } from '../inject.ts'

/** The AdmissionReview that answers one with this `uid`. */
export function reviewResponse(uid: string, outcome: Outcome): unknown {
  const warnings = outcome.warnings.map(fit)
  const response = { uid, ...verdict(outcome), ...(warnings.length > 0 && { warnings }) }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}

function verdict(outcome: Outcome) {
  switch (outcome.kind) {
    case 'injected':
      return { allowed: true, ...patchOf(outcome.operations), ...audit('injected') }
    case 'skipped':
      return { allowed: true, ...audit(`skipped: ${outcome.reason}`) }
    case 'refused': {
      const code = outcome.cause === 'annotation' ? 400 : 403
      const reason = code === 400 ? 'BadRequest' : 'Forbidden'
      return { allowed: false, status: { code, reason, message: outcome.message }, ...audit('refused') }
    }
  }
}

function patchOf(operations: readonly unknown[]) {
  if (operations.length === 0) return {}
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }
}

/** The API server writes these into its audit log, under the webhook's name. */
function audit(injection: string) {
  return { auditAnnotations: { injection } }
}

/** The API server cuts warnings of more than 256 characters. */
function fit(warning: string): string {
  return warning.length > 256 ? `${warning.slice(0, 255)}…` : warning
}
