import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { certificatesIn, isIssuedBy } from '#runtime/certificates.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Renewing } from '#runtime/renewing.ts'
import type { ServingCertificate } from './serving-certificate.ts'

export interface FollowRootOptions {
  readonly certificates: Pick<Renewing<ServingCertificate>, 'current' | 'hasten'>
  /** PEM file; the root that signs is the first in it. */
  readonly trustBundle: string
  /** Milliseconds between looks; 10 s by default. */
  readonly interval?: number
  /** Milliseconds that a renewal may wait, so that replicas do not come together; half a minute by default. */
  readonly spread?: number
}

/**
 * Renews early when another root signs than the one over the certificate: the webhook's caBundle loses the old one some
 * minutes later. Runs until the signal aborts; a bundle that cannot be read is told of by the next renewal.
 */
export async function followRoot(options: FollowRootOptions, signal: AbortSignal): Promise<void> {
  const { certificates, trustBundle, interval = 10_000, spread = 30_000 } = options
  let hastened: ServingCertificate | undefined
  while (!signal.aborted) {
    const certificate = certificates.current()
    const bundle = await readFile(trustBundle, 'utf8').catch(() => '')
    if (certificate && certificate !== hastened && isUnderAnother(certificate, bundle)) {
      hastened = certificate
      certificates.hasten(spread)
    }
    await sleep(interval, signal)
  }
}

/** Whether the bundle's first root is not the one that the chain hangs from. Nothing is said where there is none. */
function isUnderAnother({ chain }: ServingCertificate, bundle: string): boolean {
  const [root] = parsed(bundle)
  const top = parsed(chain).at(-1)
  return root !== undefined && top !== undefined && !isIssuedBy(top, root)
}

function parsed(pem: string): X509Certificate[] {
  try {
    return certificatesIn(pem).map((text) => new X509Certificate(text))
  } catch {
    return []
  }
}
