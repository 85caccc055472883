import type { KeyObject, X509Certificate } from 'node:crypto'
import { keyIdentifier } from './certificate.ts'
import { extensionIdentifiers as identifiers, subjectKeyOf } from './certificate-extensions.ts'
import {
  bitString,
  boolean,
  type Der,
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  taggedBytes,
} from './der.ts'

/** What makes a certificate one of an authority. `pathLength` is the number of authorities allowed below it. */
export function authorityExtensions(
  key: KeyObject,
  issuerKey: KeyObject,
  pathLength: 0 | 1,
  uri: string,
): Der[] {
  return [
    critical(identifiers.basicConstraints, sequence(boolean(true), integer(Uint8Array.of(pathLength)))),
    critical(identifiers.keyUsage, bits(keyUsageBits.keyCertSign | keyUsageBits.cRLSign)),
    subjectKey(key),
    issuerKeyOf(keyIdentifier(issuerKey)),
    optional(identifiers.subjectAltName, sequence(uriName(uri))),
  ]
}

/** What makes a certificate one of a workload: it may prove an identity at either end, and may sign nothing. */
export function leafExtensions(
  key: KeyObject,
  issuer: X509Certificate,
  uri: string,
  dnsNames: readonly string[],
): Der[] {
  return [
    critical(identifiers.basicConstraints, sequence()),
    critical(identifiers.keyUsage, bits(keyUsageBits.digitalSignature)),
    optional(
      identifiers.extendedKeyUsage,
      sequence(objectIdentifier(serverAuth), objectIdentifier(clientAuth)),
    ),
    subjectKey(key),
    issuerKeyOf(subjectKeyOf(issuer) ?? keyIdentifier(issuer.publicKey)),
    // Critical, because the subject is empty (RFC 5280, 4.2.1.6).
    critical(identifiers.subjectAltName, sequence(uriName(uri), ...dnsNames.map(dnsName))),
  ]
}

const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** The first bit of a DER bit string is the highest of its byte. */
const keyUsageBits = { digitalSignature: 0x80, keyCertSign: 0x04, cRLSign: 0x02 } as const

function critical(identifier: string, value: Der): Der {
  return sequence(objectIdentifier(identifier), boolean(true), octetString(encodeDer(value)))
}

function optional(identifier: string, value: Der): Der {
  return sequence(objectIdentifier(identifier), octetString(encodeDer(value)))
}

function subjectKey(key: KeyObject): Der {
  return optional(identifiers.subjectKeyIdentifier, octetString(keyIdentifier(key)))
}

function issuerKeyOf(identifier: Buffer): Der {
  return optional(identifiers.authorityKeyIdentifier, sequence(taggedBytes(0, identifier)))
}

/** DER wants a list of named bits without its trailing zeros. */
function bits(byte: number): Der {
  const unused = 31 - Math.clz32(byte & -byte)
  return bitString(Uint8Array.of(byte), unused)
}

function uriName(uri: string): Der {
  return taggedBytes(6, Buffer.from(uri, 'ascii'))
}

function dnsName(dns: string): Der {
  return taggedBytes(2, Buffer.from(dns, 'ascii'))
}
