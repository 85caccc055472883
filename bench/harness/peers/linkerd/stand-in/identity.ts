import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IdentityServer } from '../gen/identity.ts'
import type { StandInConfiguration } from './configuration.ts'

/** Certifies the proxy with the leaf that was made for its key beforehand. */
export function identity({ chain }: StandInConfiguration): IdentityServer {
  const [leaf, ...intermediates] = certificatesOf(readFileSync(chain, 'utf8'))
  if (!leaf) throw new Error(`${chain} holds no certificate`)
  return {
    certify(_, callback) {
      callback(null, {
        leafCertificate: leaf.raw,
        intermediateCertificates: intermediates.map(({ raw }) => raw),
        validUntil: leaf.validToDate,
      })
    },
  }
}

function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}
