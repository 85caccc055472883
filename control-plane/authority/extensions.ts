import type { KeyObject } from 'node:crypto'
import { keyIdentifier } from './certificate.ts'
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
    critical(basicConstraints, sequence(boolean(true), integer(Uint8Array.of(pathLength)))),
    critical(keyUsage, bits(keyUsageBits.keyCertSign | keyUsageBits.cRLSign)),
    subjectKey(key),
    issuerKeyOf(issuerKey),
    optional(subjectAltName, sequence(uriName(uri))),
  ]
}

/** What makes a certificate one of a workload: it may prove an identity at either end, and may sign nothing. */
export function leafExtensions(
  key: KeyObject,
  issuerKey: KeyObject,
  uri: string,
  dnsNames: readonly string[],
): Der[] {
  return [
    critical(basicConstraints, sequence()),
    critical(keyUsage, bits(keyUsageBits.digitalSignature)),
    optional(extendedKeyUsage, sequence(objectIdentifier(serverAuth), objectIdentifier(clientAuth))),
    subjectKey(key),
    issuerKeyOf(issuerKey),
    // Critical, because the subject is empty (RFC 5280, 4.2.1.6).
    critical(subjectAltName, sequence(uriName(uri), ...dnsNames.map(dnsName))),
  ]
}

const subjectKeyIdentifier = '2.5.29.14'
const keyUsage = '2.5.29.15'
const subjectAltName = '2.5.29.17'
const basicConstraints = '2.5.29.19'
const authorityKeyIdentifier = '2.5.29.35'
const extendedKeyUsage = '2.5.29.37'
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
  return optional(subjectKeyIdentifier, octetString(keyIdentifier(key)))
}

function issuerKeyOf(key: KeyObject): Der {
  return optional(authorityKeyIdentifier, sequence(taggedBytes(0, keyIdentifier(key))))
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
