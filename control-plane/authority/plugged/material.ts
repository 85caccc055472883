import type { KeyObject, X509Certificate } from 'node:crypto'
import type { CaParts } from './parts.ts'
import { readPkcs12 } from './pkcs12/read-pkcs12.ts'
import { readPem } from './read-pem.ts'
import { PluggedCaRefused } from './refusal.ts'

/** A certificate authority as it is kept. */
export interface CaMaterial {
  /** PEM or PKCS #12; the content tells which. */
  readonly content: Uint8Array
  /** '' where there is none. */
  readonly password: string
}

/** One key, and the certificates around it. */
export interface ReadMaterial {
  readonly privateKey: KeyObject
  /** Those that are for this key; one at least. */
  readonly own: readonly X509Certificate[]
  /** All of them, each once. */
  readonly certificates: readonly X509Certificate[]
}

/** Bytes; a chain of eight with RSA keys has under 20 000. */
export const materialLimit = 256 * 1_024
/** Judging them takes time that grows faster than their number. */
const mostCertificates = 32

/** Finds out what a file or a Secret holds. Rejects with PluggedCaRefused. */
export async function readMaterial({ content, password }: CaMaterial): Promise<ReadMaterial> {
  if (content.length > materialLimit) {
    throw new PluggedCaRefused(
      `it has ${content.length} bytes, and ${materialLimit} is the most that is read`,
    )
  }
  const text = Buffer.from(content).toString('latin1')
  const parts = await (text.includes('-----BEGIN ') ? readPem(text, password) : readPkcs12(content, password))
  const privateKey = onlyKey(parts)
  const certificates = [...new Map(parts.certificates.map((each) => [each.fingerprint256, each])).values()]
  if (certificates.length === 0) {
    throw new PluggedCaRefused('there is no certificate in it: add the authority’s, and those above it')
  }
  if (certificates.length > mostCertificates) {
    const found = `there are ${certificates.length} certificates in it`
    throw new PluggedCaRefused(
      `${found}: leave the authority’s and those above it, ${mostCertificates} at most`,
    )
  }
  const own = certificates.filter((certificate) => certificate.checkPrivateKey(privateKey))
  if (own.length > 0) return { privateKey, own, certificates }
  throw new PluggedCaRefused(
    'its private key is that of none of its certificates: put the authority’s own there',
  )
}

function onlyKey({ privateKeys }: CaParts): KeyObject {
  const [privateKey, ...others] = privateKeys
  if (!privateKey) throw new PluggedCaRefused('there is no private key in it: add the authority’s')
  if (others.length === 0) return privateKey
  throw new PluggedCaRefused(
    `there are ${privateKeys.length} private keys in it: leave the authority’s alone`,
  )
}
