import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { decodeDer } from '../der.ts'
import { PluggedCaRefused } from './refusal.ts'

/** What a file or a Secret holds, in no particular order. */
export interface CaParts {
  readonly certificates: readonly X509Certificate[]
  readonly privateKeys: readonly KeyObject[]
}

/** Reads a `PrivateKeyInfo` in DER (PKCS #8). Throws PluggedCaRefused. */
export function parsePrivateKeyInfo(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    throw new PluggedCaRefused('a private key in it cannot be read: export it again, as PKCS #8')
  }
}

/** Reads a certificate in DER. Throws PluggedCaRefused. */
export function parseCertificateDer(der: Buffer): X509Certificate {
  const certificate = parse(der)
  if (certificate && decodeDer(certificate.raw)) return certificate
  throw new PluggedCaRefused('a certificate in it cannot be read: put the right one in its place')
}

function parse(der: Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der)
    // Read late, and then it throws.
    return certificate.publicKey.type === 'public' ? certificate : undefined
  } catch {
    return undefined
  }
}
