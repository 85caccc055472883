import { type KeyObject, sign } from 'node:crypto'

/**
 * A PKCS#10 request (RFC 2986) in PEM: version 0, an empty subject, the key, no attributes, signed with
 * ecdsa-with-SHA256. It names nobody: the authority takes the identity from the caller's token alone.
 */
export function createCsr(keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): string {
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' })
  const info = sequence(version0, emptyName, publicKey, noAttributes)
  const signature = sign('sha256', info, keys.privateKey)
  const request = sequence(info, sequence(ecdsaWithSha256), bitString(signature))
  const lines = request.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}

const version0 = Buffer.from([0x02, 0x01, 0x00])
const emptyName = Buffer.from([0x30, 0x00])
const noAttributes = Buffer.from([0xa0, 0x00])
// 1.2.840.10045.4.3.2
const ecdsaWithSha256 = Buffer.from([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts))
}

function bitString(bytes: Buffer): Buffer {
  return element(0x03, Buffer.concat([Buffer.from([0]), bytes]))
}

function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content])
}

/** DER lengths: one byte up to 127, else a count of bytes and the length in them. */
function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}
