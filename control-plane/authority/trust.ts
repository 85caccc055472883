import type { X509Certificate } from 'node:crypto'
import type { StateDirectory } from './state-directory.ts'

/** What sidecars are given to trust the control plane with, before they know anything else. */
export const trustBundleFile = 'trust-bundle.pem'

/** All roots of the trust domain in PEM, as SDS pushes them and the bundle file holds them. */
export function trustBundle(roots: readonly X509Certificate[]): string {
  return roots.map((root) => root.toString()).join('')
}

/** Writes the bundle file, unless it holds these very roots already. */
export async function publishTrustBundle(state: StateDirectory, bundle: string): Promise<void> {
  if ((await state.read(trustBundleFile)) === bundle) return
  await state.write(trustBundleFile, bundle, 0o644)
}
