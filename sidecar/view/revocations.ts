import { DerReader, tags } from './der-reader.ts'

/**
 * The serials that revocation lists (RFC 5280, section 5) name, as Node writes those of certificates: hexadecimal, in
 * capitals, whole bytes. Throws an Error that says what is wrong with which list.
 *
 * Node's own `crl` option wants a list of every issuer in a chain, and asks it at the handshake alone. The lists come
 * by the same authenticated stream as the roots, so that their signatures would prove nothing more; and none is ever
 * too old, since a mesh whose control plane is away goes on.
 */
export function parseRevocations(pem: string): ReadonlySet<string> {
  const lists = [...pem.matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g)]
  if (lists.length === 0) throw new Error('it holds no PEM revocation list (X509 CRL)')
  const serials = new Set<string>()
  for (const [i, [, base64 = '']] of lists.entries()) {
    try {
      for (const serial of serialsIn(Buffer.from(base64, 'base64'))) serials.add(serial)
    } catch (cause) {
      throw new Error(`revocation list ${i + 1} cannot be parsed: ${(cause as Error).message}`, { cause })
    }
  }
  return serials
}

/** Serials of a DER CertificateList; throws DerError. */
export function* serialsIn(der: Uint8Array): Generator<string> {
  const whole = new DerReader(der)
  const list = new DerReader(whole.next(tags.sequence).content)
  whole.end()
  const toBeSigned = new DerReader(list.next(tags.sequence).content)
  if (toBeSigned.tag === tags.integer) toBeSigned.next()
  // The algorithm of the signature, and the issuer's name.
  toBeSigned.next(tags.sequence)
  toBeSigned.next(tags.sequence)
  toBeSigned.next(tags.utcTime, tags.generalizedTime)
  if (toBeSigned.tag === tags.utcTime || toBeSigned.tag === tags.generalizedTime) toBeSigned.next()
  if (toBeSigned.tag !== tags.sequence) return
  const entries = new DerReader(toBeSigned.next().content)
  while (!entries.done) {
    const entry = new DerReader(entries.next(tags.sequence).content)
    yield serialText(entry.next(tags.integer).content)
  }
}

/** A serial number as Node's X509Certificate writes it. */
function serialText(content: Uint8Array): string {
  if (content.length === 0) return '0'
  const bits = BigInt(`0x${Buffer.from(content).toString('hex')}`)
  const number = BigInt.asIntN(content.length * 8, bits)
  if (number === 0n) return '0'
  const digits = (number < 0n ? -number : number).toString(16).toUpperCase()
  return `${number < 0n ? '-' : ''}${digits.length % 2 === 0 ? '' : '0'}${digits}`
}
