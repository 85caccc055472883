import { status } from '@grpc/grpc-js'
import type { Log } from '#runtime/log.ts'
import { RateLimit } from '#runtime/rate-limit.ts'
import { type Authenticate, type Authentication, peerAddress } from './bearer.ts'

export interface FailedAttemptsOptions {
  /** By address. What is under way counts as failed until it is judged. */
  readonly limit: RateLimit
  readonly log: Log
}

/** An address may fail for a while on end; a sidecar does not, whose token is good or about to be. */
export const failureRate = { burst: 100, perSecond: 1 }

/**
 * Whoever shows bad tokens without end is not listened to for a while, so that to judge them takes nothing from others,
 * the API server among them. Only for networks where an address is one pod's.
 */
export function limitFailures(
  authenticate: Authenticate,
  { limit, log }: FailedAttemptsOptions,
): Authenticate {
  // One line a minute and address: a crowd that comes at once finds the bucket empty all together.
  const told = new RateLimit({ burst: 1, perSecond: 1 / 60 })
  return async (call) => {
    const address = peerAddress(call)
    if (address === undefined) return authenticate(call)
    if (!limit.take(address)) return tooMany
    const authentication = await authenticate(call)
    const failed = authentication.kind === 'refused' && authentication.code === status.UNAUTHENTICATED
    if (!failed) limit.giveBack(address)
    else if (limit.isEmpty(address) && told.take(address)) {
      log.warn('an address shows bad tokens only; it is not listened to for a while', { address })
    }
    return authentication
  }
}

const tooMany: Authentication = {
  kind: 'refused',
  reason: 'too_many_failures',
  detail: 'too many tokens from this address were refused',
  code: status.RESOURCE_EXHAUSTED,
  message: 'too many tokens from this address were refused: wait, then try again',
  told: true,
}
