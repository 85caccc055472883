import { createPrivateKey, generateKeyPair, X509Certificate } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import { promisify } from 'node:util'
import type { SignCertificate } from '#runtime/authority-client.ts'
import { createCsr } from '#runtime/csr.ts'
import type { Lifetime } from '#runtime/renewal-time.ts'

/** What the webhook shows to the API server. Its key exists in memory only. */
export interface ServingCertificate extends Lifetime {
  /** PEM, PKCS#8. */
  readonly key: string
  /** PEM, leaf first, then intermediates. */
  readonly chain: string
  /** Hexadecimal. */
  readonly serial: string
}

/** Obtains a certificate for a new key; rejects with an Error that names what is wrong with the answer. */
export async function obtainServingCertificate(
  sign: SignCertificate,
  dnsName: string,
): Promise<ServingCertificate> {
  const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const chain = await sign(createCsr(keys))
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return parseServingCertificate(key, chain, dnsName)
}

export function parseServingCertificate(
  key: string,
  [leafPem, ...rest]: readonly string[],
  dnsName: string,
): ServingCertificate {
  if (leafPem === undefined) throw new Error('the authority answered without a certificate')
  const leaf = new X509Certificate(leafPem)
  if (leaf.checkHost(dnsName, { subject: 'never' }) === undefined) {
    const names = leaf.subjectAltName ?? 'nobody'
    throw new Error(
      `the certificate is for ${names} and not for ${dnsName}, by which the API server calls: run the injector as the ` +
        'service account weft-injector of the mesh’s own namespace',
    )
  }
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the certificate is for another key than the one in the request')
  }
  // The API server has the root in the webhook's caBundle; sending it would add nothing.
  const intermediates = rest
    .map((pem) => new X509Certificate(pem))
    .filter((certificate) => certificate.subject !== certificate.issuer)
  return {
    key,
    chain: [leafPem, ...intermediates.map(String)].join('\n'),
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/**
 * Everything that the webhook's TLS context is made of: replaced in part, the rest of it would silently be Node's
 * defaults. API servers speak TLS 1.3, but may be told to speak no more than 1.2.
 */
export function servingContext({ key, chain }: ServingCertificate): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers:
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
      'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305',
    ecdhCurve: 'X25519MLKEM768:X25519:P-256',
    key,
    cert: chain,
  }
}
