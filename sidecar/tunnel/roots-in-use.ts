import { sleep } from '#runtime/lifetime.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import type { Peer } from './peer.ts'

/** The roots that this sidecar depends on: SHA-256 fingerprints, 64 digits in lower case. */
export interface RootsInUse {
  /** Over its own certificate. */
  readonly certificate: string
  /** Over the peers of its tunnels. */
  readonly tunnels: readonly string[]
}

export interface ReportOptions {
  readonly trust: () => TrustBundle | undefined
  /** The fingerprint of the bundle's root over this sidecar's own certificate. */
  readonly own: (bundle: TrustBundle) => string | undefined
  /** The other ends of all tunnels that are there. */
  readonly peers: () => Iterable<Peer>
  readonly report: (roots: RootsInUse) => void
}

/** Milliseconds between looks. */
const interval = 1_000

/** While there is more than one root, tells which of them are needed here. Runs until the signal aborts. */
export async function reportRootsInUse(
  { trust, own, peers, report }: ReportOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const bundle = trust()
    const certificate = bundle && bundle.byFingerprint.size > 1 ? own(bundle) : undefined
    if (certificate !== undefined) report(rootsInUse(certificate, peers()))
    await sleep(interval, signal)
  }
}

export function rootsInUse(own: string, peers: Iterable<Peer>): RootsInUse {
  const tunnels = new Set<string>()
  for (const { roots } of peers) for (const root of roots) tunnels.add(plain(root))
  return { certificate: plain(own), tunnels: [...tunnels].sort() }
}

/** As everybody but Node writes a fingerprint. */
function plain(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
