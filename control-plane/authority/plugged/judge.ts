import type { KeyObject, X509Certificate } from 'node:crypto'
import { extensionOf } from '../certificate-extensions.ts'
import { decodeDer, flagsOf, integerOf, isTrue, itemsOf, objectIdentifierOf } from '../der.ts'

/** What is wrong with the authorities of a path, as sentences that say what to do; none when all of them may be used. */
export function problemsOf(
  authority: X509Certificate,
  issuers: readonly X509Certificate[],
  now: number,
): readonly string[] {
  return [authority, ...issuers].flatMap((certificate, height) => [
    ...mayNotSign(certificate),
    ...tooShort(certificate, height),
    ...outOfTime(certificate, now),
    ...weakKey(certificate),
    // A root is believed as it is, whatever it signed itself with.
    ...(certificate.issuer === certificate.subject ? [] : weakSignature(certificate)),
  ])
}

/** The name that a certificate is called by in messages. */
export function nameOf(certificate: X509Certificate): string {
  return quoted(certificate.subject)
}

/** A distinguished name, which Node leaves undefined where it is empty. */
export function quoted(name: string | undefined): string {
  return `"${(name ?? '').replaceAll('\n', ', ')}"`
}

function mayNotSign(certificate: X509Certificate): readonly string[] {
  // Node calls one that may not sign certificates no authority; this says why.
  if (!certificate.ca && !isTrue(itemsOf(extensionOf(certificate, 'basicConstraints'))?.[0])) {
    return [
      `${nameOf(certificate)} is no certificate of an authority (CA:TRUE is missing): ask for one that is`,
    ]
  }
  const usage = extensionOf(certificate, 'keyUsage')
  if (usage && !((flagsOf(usage)?.[0] ?? 0) & keyCertSign)) {
    return [`${nameOf(certificate)} may not sign certificates: ask for one with the key usage keyCertSign`]
  }
  const purposes = certificate.keyUsage
  if (purposes && !(purposes.includes(serverAuth) && purposes.includes(clientAuth))) {
    return [
      `${nameOf(certificate)} limits what its certificates are for: ask for one without an extended key usage, or with ` +
        'both serverAuth and clientAuth',
    ]
  }
  return []
}

/** The sixth bit, counted from the highest. */
const keyCertSign = 0x04
const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** `height` is the number of authorities below it. */
function tooShort(certificate: X509Certificate, height: number): readonly string[] {
  const allowed = integerOf(itemsOf(extensionOf(certificate, 'basicConstraints'))?.[1])
  if (allowed === undefined || allowed >= height) return []
  return [
    `${nameOf(certificate)} allows ${allowed} authorities below it, and there are ${height}: ask for a path length of ` +
      `${height} or more`,
  ]
}

function outOfTime(certificate: X509Certificate, now: number): readonly string[] {
  const [from, to] = [certificate.validFromDate, certificate.validToDate]
  if (from.getTime() > now) {
    return [`${nameOf(certificate)} is not valid before ${from.toISOString()}: wait, or set the clock`]
  }
  if (to.getTime() <= now)
    return [`${nameOf(certificate)} ended at ${to.toISOString()}: put a new one in its place`]
  return []
}

function weakKey(certificate: X509Certificate): readonly string[] {
  const found = keyName(certificate.publicKey)
  if (found === undefined) return []
  return [`${nameOf(certificate)} has ${found}: use RSA of 2048 bits or more, P-256, P-384 or P-521`]
}

/** What is weak, or not known, about a key; undefined for a good one. */
function keyName({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  switch (type) {
    case 'rsa': {
      const bits = details?.modulusLength ?? 0
      return bits >= 2_048 ? undefined : `an RSA key of ${bits} bits`
    }
    case 'ec': {
      const curve = details?.namedCurve
      return curve && curves.has(curve) ? undefined : `a key on the curve ${curve ?? 'without a name'}`
    }
    default:
      return `a key of the kind ${type ?? 'unknown'}`
  }
}

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

function weakSignature(certificate: X509Certificate): readonly string[] {
  const [, algorithm] = itemsOf(decodeDer(certificate.raw)) ?? []
  const identifier = objectIdentifierOf(itemsOf(algorithm)?.[0])
  if (identifier !== undefined && goodSignatures.has(identifier)) return []
  const found = weakSignatures.get(identifier ?? '') ?? identifier ?? 'something without a name'
  return [`${nameOf(certificate)} is signed with ${found}: ask for one signed with SHA-256 or better`]
}

const goodSignatures = new Set([
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
])

const weakSignatures = new Map([
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
  ['1.2.840.113549.1.1.10', 'RSA-PSS'],
])
