import type { X509Certificate } from 'node:crypto'
import {
  type Der,
  decodeDer,
  itemsOf,
  objectIdentifierOf,
  octetsOf,
  taggedBytesOf,
  taggedItemsOf,
} from './der.ts'

/** The extensions that weft writes or looks at (RFC 5280, 4.2.1). */
export const extensionIdentifiers = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

export type ExtensionName = keyof typeof extensionIdentifiers

/** What an extension holds; undefined when the certificate has none of that name, or it is no DER. */
export function extensionOf(certificate: X509Certificate, name: ExtensionName): Der | undefined {
  const fields = itemsOf(itemsOf(decodeDer(certificate.raw))?.[0])
  const [extensions] = taggedItemsOf(fields?.at(-1), 3) ?? []
  for (const extension of itemsOf(extensions) ?? []) {
    const parts = itemsOf(extension)
    if (objectIdentifierOf(parts?.[0]) !== extensionIdentifiers[name]) continue
    const content = octetsOf(parts?.at(-1))
    return content && decodeDer(content)
  }
  return undefined
}

/** The name that a certificate gives its own key. */
export function subjectKeyOf(certificate: X509Certificate): Buffer | undefined {
  return octetsOf(extensionOf(certificate, 'subjectKeyIdentifier'))
}

/** The name that a certificate gives the key that signed it. */
export function issuerKeyOf(certificate: X509Certificate): Buffer | undefined {
  return itemsOf(extensionOf(certificate, 'authorityKeyIdentifier'))
    ?.map((part) => taggedBytesOf(part, 0))
    .find((identifier) => identifier !== undefined)
}
