import { createPrivateKey, type KeyObject } from 'node:crypto'
import { decodeBer } from '../der.ts'
import { readEncryptedKey } from './encrypted-key.ts'
import { type CaParts, parseCertificateDer, parsePrivateKeyInfo } from './parts.ts'
import { PluggedCaRefused } from './refusal.ts'

const block = /-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----)[^])*)-----END \1-----/g

/**
 * Reads certificates and keys from PEM blocks in any order; what else there is between them is ignored. `password` opens
 * an encrypted key. Rejects with PluggedCaRefused.
 */
export async function readPem(text: string, password: string): Promise<CaParts> {
  const certificates = []
  const privateKeys = []
  const blocks = [...text.matchAll(block)]
  if (blocks.length !== (text.match(/-----BEGIN /g) ?? []).length) {
    throw new PluggedCaRefused('a PEM block in it does not end as it begins: copy it whole')
  }
  for (const [whole, label, body] of blocks) {
    if (label === 'CERTIFICATE') certificates.push(parseCertificateDer(Buffer.from(body!, 'base64')))
    else if (label!.endsWith('PRIVATE KEY')) privateKeys.push(await readKey(whole, label!, body!, password))
  }
  return { certificates, privateKeys }
}

async function readKey(pem: string, label: string, body: string, password: string): Promise<KeyObject> {
  switch (label) {
    case 'PRIVATE KEY':
      return parsePrivateKeyInfo(Buffer.from(body, 'base64'))
    case 'ENCRYPTED PRIVATE KEY':
      if (password === '') throw noPassword()
      return readEncryptedKey(decodeBer(Buffer.from(body, 'base64')), password)
    case 'EC PRIVATE KEY':
    case 'RSA PRIVATE KEY':
      return traditional(pem, password)
    default:
      throw new PluggedCaRefused(
        `"${label}" is no form of a key that weft reads: write it with "openssl pkey -in KEY -out KEY.pem"`,
      )
  }
}

/** SEC 1 and PKCS #1; their encryption is in the headers, as OpenSSL once wrote it. */
function traditional(pem: string, password: string): KeyObject {
  const encrypted = pem.includes('ENCRYPTED')
  if (encrypted && password === '') throw noPassword()
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(encrypted ? { passphrase: password } : {}) })
  } catch {
    throw new PluggedCaRefused(
      encrypted
        ? 'the password does not open its private key: write the one that it was encrypted with'
        : 'a private key in it cannot be read: export it again, as PKCS #8',
    )
  }
}

function noPassword(): PluggedCaRefused {
  return new PluggedCaRefused(
    'its private key is encrypted, and no password was given: name the file that has it',
  )
}
