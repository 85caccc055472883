import asn1, { type Asn1 } from 'node-forge/lib/asn1.js'

/** A parsed or built ASN.1 value. Only this file knows the library that makes it. */
export type Der = Asn1

const { Class, Type } = asn1

/** DER bytes of a value. */
export function encodeDer(value: Der): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1')
}

/** Parses DER; undefined unless the bytes are one value in the one encoding that DER permits. */
export function decodeDer(bytes: Uint8Array): Der | undefined {
  const text = Buffer.from(bytes).toString('latin1')
  try {
    // Bit strings stay bytes: a public key that happens to look like ASN.1 is not.
    const value = asn1.fromDer(text, {
      strict: true,
      parseAllBytes: true,
      decodeBitStrings: false,
      maxDepth: 32,
    })
    // What re-encodes to the same bytes is canonical, and its parts can be signed or verified by re-encoding them.
    return asn1.toDer(value).getBytes() === text ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Parses BER, of which DER is one form: for what others wrote and nobody signed. Undefined when the bytes are none, or
 * more than one value.
 */
export function decodeBer(bytes: Uint8Array): Der | undefined {
  try {
    return asn1.fromDer(latin1(bytes), {
      strict: true,
      parseAllBytes: true,
      decodeBitStrings: false,
      maxDepth: 32,
    })
  } catch {
    return undefined
  }
}

export function sequence(...items: Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items)
}

export function set(...items: Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, items)
}

export function objectIdentifier(dotted: string): Der {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes())
}

/** A positive integer in big-endian bytes; the first bit must be clear. */
export function integer(bytes: Uint8Array): Der {
  return primitive(Type.INTEGER, latin1(bytes))
}

export function boolean(value: boolean): Der {
  return primitive(Type.BOOLEAN, value ? '\xff' : '\0')
}

export function nothing(): Der {
  return primitive(Type.NULL, '')
}

export function utf8(text: string): Der {
  return primitive(Type.UTF8, latin1(Buffer.from(text, 'utf8')))
}

export function octetString(bytes: Uint8Array): Der {
  return primitive(Type.OCTETSTRING, latin1(bytes))
}

/** A bit string; `unusedBits` (0 to 7) of its last byte say nothing. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Der {
  return primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + latin1(bytes))
}

/** A point in time, to the second: UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(milliseconds: number): Der {
  const date = new Date(milliseconds)
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date))
}

/** `[tag]` around values. */
export function tagged(tag: number, ...items: Der[]): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, items)
}

/** `[tag]` in place of a primitive's own tag. */
export function taggedBytes(tag: number, bytes: Uint8Array): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, latin1(bytes))
}

/** The values inside a sequence; undefined when it is none. */
export function itemsOf(value: Der | undefined): readonly Der[] | undefined {
  const isSequence = value?.tagClass === Class.UNIVERSAL && value.type === Type.SEQUENCE
  return isSequence && Array.isArray(value.value) ? value.value : undefined
}

/** The bytes of an octet string; undefined for anything else. */
export function octetsOf(value: Der | undefined): Buffer | undefined {
  return contentOf(value, Type.OCTETSTRING)
}

/** The bytes of an octet string that may come in pieces, as BER permits; undefined for anything else. */
export function joinedOctetsOf(value: Der | undefined): Buffer | undefined {
  if (value?.tagClass !== Class.UNIVERSAL || value.type !== Type.OCTETSTRING) return undefined
  return joinedBytesOf(value)
}

/** The bytes of a value, whatever its tag, that may come in pieces. */
export function joinedBytesOf(value: Der): Buffer | undefined {
  if (typeof value.value === 'string') return Buffer.from(value.value, 'latin1')
  const pieces = value.value.map(joinedOctetsOf)
  return pieces.every((piece) => piece !== undefined) ? Buffer.concat(pieces) : undefined
}

/** Whether a value is `[tag]`, or stands in place of another under that tag. */
export function isTagged(value: Der | undefined, tag: number): boolean {
  return value?.tagClass === Class.CONTEXT_SPECIFIC && value.type === tag
}

/** The values inside `[tag]`; undefined when it is none. */
export function taggedItemsOf(value: Der | undefined, tag: number): readonly Der[] | undefined {
  return isTagged(value, tag) && Array.isArray(value?.value) ? value.value : undefined
}

/** The bytes of `[tag]` in place of a primitive's own tag; undefined when it is none. */
export function taggedBytesOf(value: Der | undefined, tag: number): Buffer | undefined {
  return isTagged(value, tag) && typeof value?.value === 'string'
    ? Buffer.from(value.value, 'latin1')
    : undefined
}

/** The bytes of a bit string that fills whole bytes; undefined for anything else. */
export function bitsOf(value: Der | undefined): Buffer | undefined {
  const content = contentOf(value, Type.BITSTRING)
  return content?.[0] === 0 ? content.subarray(1) : undefined
}

/** Whether a value is a boolean that is not false: BER lets any other byte say so. */
export function isTrue(value: Der | undefined): boolean {
  return (contentOf(value, Type.BOOLEAN)?.[0] ?? 0) !== 0
}

/** The bytes of a list of named bits, the first of which is the highest of its byte; undefined for anything else. */
export function flagsOf(value: Der | undefined): Buffer | undefined {
  return contentOf(value, Type.BITSTRING)?.subarray(1)
}

/** The magnitude of a small non-negative integer; undefined when it is none. */
export function smallIntegerOf(value: Der | undefined): number | undefined {
  const content = contentOf(value, Type.INTEGER)
  return content?.length === 1 && content[0]! < 0x80 ? content[0] : undefined
}

/** A non-negative integer below 2^48; undefined when it is none. */
export function integerOf(value: Der | undefined): number | undefined {
  const content = contentOf(value, Type.INTEGER)
  if (!content || content.length === 0 || content.length > 6 || content[0]! >= 0x80) return undefined
  return content.readUIntBE(0, content.length)
}

/** An object identifier in its dotted form; undefined for anything else, and for one with a part over 53 bits. */
export function objectIdentifierOf(value: Der | undefined): string | undefined {
  const content = contentOf(value, Type.OID)
  if (!content) return undefined
  try {
    return asn1.derToOid(content.toString('latin1'))
  } catch {
    return undefined
  }
}

/** Finds which of some object identifiers a value is; undefined when it is none of them. */
export function oneOfIdentifiers<T>(value: Der | undefined, known: ReadonlyMap<string, T>): T | undefined {
  const content = contentOf(value, Type.OID)
  if (!content) return undefined
  for (const [dotted, meaning] of known) {
    if (asn1.oidToDer(dotted).getBytes() === content.toString('latin1')) return meaning
  }
  return undefined
}

function contentOf(value: Der | undefined, type: number): Buffer | undefined {
  if (value?.tagClass !== Class.UNIVERSAL || value.type !== type || value.constructed) return undefined
  return typeof value.value === 'string' ? Buffer.from(value.value, 'latin1') : undefined
}

function primitive(type: number, content: string): Der {
  return asn1.create(Class.UNIVERSAL, type, false, content)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
