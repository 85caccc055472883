// The ASN.1 layer alone: the rest of node-forge is neither needed nor wanted in the process. The published types
// know neither this file, nor the options of `fromDer`, nor numbers for context-specific tags.
declare module 'node-forge/lib/asn1.js' {
  export interface Asn1 {
    tagClass: number
    type: number
    constructed: boolean
    /** Bytes as a latin-1 text, or the values inside. */
    value: string | Asn1[]
  }

  interface Bytes {
    getBytes(): string
  }

  type TypeName =
    | 'BOOLEAN'
    | 'INTEGER'
    | 'BITSTRING'
    | 'OCTETSTRING'
    | 'NULL'
    | 'OID'
    | 'UTF8'
    | 'SEQUENCE'
    | 'SET'

  const asn1: {
    readonly Class: Readonly<Record<'UNIVERSAL' | 'CONTEXT_SPECIFIC', number>>
    readonly Type: Readonly<Record<TypeName | 'UTCTIME' | 'GENERALIZEDTIME', number>>
    create(tagClass: number, type: number, constructed: boolean, value: string | Asn1[]): Asn1
    fromDer(bytes: string, options: Record<string, boolean | number>): Asn1
    toDer(value: Asn1): Bytes
    oidToDer(dotted: string): Bytes
    derToOid(content: string): string
    dateToUtcTime(date: Date): string
    dateToGeneralizedTime(date: Date): string
  }
  export default asn1
}
