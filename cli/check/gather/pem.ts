import { X509Certificate } from 'node:crypto'

export interface ReadCertificates {
  readonly certificates: readonly X509Certificate[]
  /** How many more there should be and cannot be read; a text without any is one of them. */
  readonly unreadable: number
}

/** The certificates of a PEM text that somebody else wrote. */
export function readCertificates(text: string): ReadCertificates {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  const certificates = blocks.flatMap(parsed)
  const unreadable = blocks.length - certificates.length
  return { certificates, unreadable: blocks.length === 0 && text.trim() !== '' ? 1 : unreadable }
}

function parsed(pem: string): X509Certificate[] {
  try {
    return [new X509Certificate(pem)]
  } catch {
    return []
  }
}
