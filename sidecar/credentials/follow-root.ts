import type { TrustBundle } from '../view/trust-bundle.ts'
import type { Credentials } from './credentials.ts'

export interface FollowRootOptions {
  readonly credentials: Pick<Credentials, 'current' | 'root' | 'hasten' | 'onRenewed'>
  readonly trust: () => TrustBundle | undefined
  /** Told of each change of the view. */
  readonly onChange: (listener: () => void) => void
  /** Milliseconds over which the sidecars of a mesh spread their renewals. */
  readonly spread: number
}

/**
 * Renews early when another root signs than the one over the certificate: the one that signs is the first of the bundle.
 * An authority that goes on signing under another one is asked ever more seldom.
 */
export function followRoot({ credentials, trust, onChange, spread }: FollowRootOptions): void {
  let asked: string | undefined
  let within = spread
  const follow = (): void => {
    const bundle = trust()
    const signing = bundle?.byFingerprint.keys().next().value
    if (!bundle || signing === undefined || !credentials.current()) return
    // Under none of the bundle's roots it is of no use to anybody: a sidecar that was away while the roots changed.
    if (credentials.root(bundle) === signing) return
    within = asked === signing ? within * 2 : spread
    asked = signing
    credentials.hasten(within)
  }
  let known = trust()
  onChange(() => {
    if (trust() === known) return
    known = trust()
    follow()
  })
  credentials.onRenewed(follow)
}
