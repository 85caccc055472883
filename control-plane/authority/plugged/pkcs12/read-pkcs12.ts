import {
  type Der,
  decodeBer,
  encodeDer,
  integerOf,
  isTagged,
  itemsOf,
  joinedBytesOf,
  joinedOctetsOf,
  objectIdentifierOf,
  taggedItemsOf,
} from '../../der.ts'
import { readEncryptedKey } from '../encrypted-key.ts'
import { type CaParts, parseCertificateDer, parsePrivateKeyInfo } from '../parts.ts'
import { PluggedCaRefused } from '../refusal.ts'
import { decrypt } from './decrypt.ts'
import { verifyMac } from './mac.ts'

/**
 * Reads a PKCS #12 container (RFC 7292) that a password protects; '' where it has none. Rejects with PluggedCaRefused.
 * The container is opened here and every key by Node: what comes out is no more than bytes until then.
 */
export async function readPkcs12(bytes: Uint8Array, password: string): Promise<CaParts> {
  const [version, safe, macData] = itemsOf(decodeBer(bytes)) ?? []
  if (integerOf(version) !== 3 || !safe) throw notPkcs12()
  const content = dataOf(safe)
  if (!content) {
    throw new PluggedCaRefused('its content is signed with a key instead of a password: export it with one')
  }
  await verifyMac(macData, content, password)
  const bags: Der[] = []
  for (const part of listOf(content)) bags.push(...(await bagsOf(part, password)))
  return partsOf(bags, password)
}

const data = '1.2.840.113549.1.7.1'
const encryptedData = '1.2.840.113549.1.7.6'
const x509Certificate = '1.2.840.113549.1.9.22.1'

const bagKinds = {
  key: '1.2.840.113549.1.12.10.1.1',
  shroudedKey: '1.2.840.113549.1.12.10.1.2',
  certificate: '1.2.840.113549.1.12.10.1.3',
} as const

/** The bytes in a `ContentInfo` that is in the open. */
function dataOf(info: Der): Buffer | undefined {
  const [type, content] = itemsOf(info) ?? []
  return objectIdentifierOf(type) === data ? joinedOctetsOf(taggedItemsOf(content, 0)?.[0]) : undefined
}

/** The bags in one part of the container, decrypted if need be. */
async function bagsOf(info: Der, password: string): Promise<readonly Der[]> {
  const open = dataOf(info)
  if (open) return listOf(open)
  const [type, content] = itemsOf(info) ?? []
  if (objectIdentifierOf(type) !== encryptedData) {
    throw new PluggedCaRefused(
      'a part of it is encrypted with a key instead of a password: export it with one',
    )
  }
  const encrypted = itemsOf(taggedItemsOf(content, 0)?.[0])?.[1]
  const [, algorithm, sealed] = itemsOf(encrypted) ?? []
  const ciphertext = sealed && isTagged(sealed, 0) ? joinedBytesOf(sealed) : undefined
  if (!algorithm || !ciphertext) throw damaged()
  return listOf(await decrypt(algorithm, ciphertext, password))
}

async function partsOf(bags: readonly Der[], password: string): Promise<CaParts> {
  const certificates = []
  const privateKeys = []
  for (const bag of bags) {
    const [kind, wrapped] = itemsOf(bag) ?? []
    const value = taggedItemsOf(wrapped, 0)?.[0]
    if (!value) throw damaged()
    switch (objectIdentifierOf(kind)) {
      case bagKinds.key:
        privateKeys.push(parsePrivateKeyInfo(encodeDer(value)))
        break
      case bagKinds.shroudedKey:
        privateKeys.push(await readEncryptedKey(value, password))
        break
      case bagKinds.certificate:
        certificates.push(certificateIn(value))
        break
      default:
        // Revocation lists and secrets are nothing of ours.
        break
    }
  }
  return { certificates, privateKeys }
}

function certificateIn(bag: Der) {
  const [type, wrapped] = itemsOf(bag) ?? []
  const bytes = joinedOctetsOf(taggedItemsOf(wrapped, 0)?.[0])
  if (objectIdentifierOf(type) !== x509Certificate || !bytes) throw damaged()
  return parseCertificateDer(bytes)
}

function listOf(bytes: Buffer): readonly Der[] {
  const items = itemsOf(decodeBer(bytes))
  if (!items) throw damaged()
  return items
}

function notPkcs12(): PluggedCaRefused {
  return new PluggedCaRefused(
    'it is neither PEM nor PKCS #12: write the certificates and the key as PEM, or export a .p12 file',
  )
}

function damaged(): PluggedCaRefused {
  return new PluggedCaRefused('it is a damaged PKCS #12 file: export it again')
}
