import type { Leg } from './leg.ts'

/** Bytes carried so far; counted while the connection lives. */
export interface Carried {
  /** From `near` to `far`. */
  sent: number
  /** From `far` to `near`. */
  received: number
}

export interface PumpOptions {
  readonly signal: AbortSignal
  readonly carried: Carried
}

export type TransferOutcome =
  /** Both ends sent FIN and everything was delivered. */
  | { readonly kind: 'closed' }
  /** One end reset or was lost; the other was reset too. */
  | { readonly kind: 'aborted'; readonly by: 'near' | 'far'; readonly cause: Error }
  /** The mesh cut it, for the signal's reason. */
  | { readonly kind: 'cut'; readonly cause: Error }

/**
 * Carries bytes, ends and aborts between two legs until both are done or one is lost. Never rejects. When the
 * signal aborts, both peers see a reset.
 */
export function pump(near: Leg, far: Leg, { signal, carried }: PumpOptions): Promise<TransferOutcome> {
  return new Promise((resolve) => {
    let open = 2
    let done = false

    const finish = (outcome: TransferOutcome): void => {
      if (done) return
      done = true
      signal.removeEventListener('abort', cut)
      resolve(outcome)
    }
    const cut = (): void => {
      const cause = signal.reason as Error
      finish({ kind: 'cut', cause })
      near.abort(cause)
      far.abort(cause)
    }
    const carry = (from: Leg, to: Leg, by: 'near' | 'far'): void =>
      from.read({
        data(chunk) {
          if (by === 'near') carried.sent += chunk.length
          else carried.received += chunk.length
          if (!to.write(chunk)) from.pause()
        },
        ended: () => to.end(),
        aborted(cause) {
          finish({ kind: 'aborted', by, cause })
          to.abort(cause)
        },
        drained: () => to.resume(),
        closed() {
          open -= 1
          if (open === 0) finish({ kind: 'closed' })
        },
      })

    if (signal.aborted) return cut()
    signal.addEventListener('abort', cut, { once: true })
    carry(near, far, 'near')
    carry(far, near, 'far')
    near.resume()
    far.resume()
  })
}
