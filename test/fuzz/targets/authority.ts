import { createPrivateKey, createPublicKey } from 'node:crypto'
import { Metadata } from '@grpc/grpc-js'
import { authenticate } from '#control-plane/authority/bearer.ts'
import { parseCsr } from '#control-plane/authority/csr.ts'
import { decodeDer, encodeDer } from '#control-plane/authority/der.ts'
import { readToken, signToken } from '#control-plane/authority/file-tokens/claims.ts'
import { createCsr } from '#runtime/csr.ts'
import { check, type Target } from '../target.ts'

/** The key of nobody: its number is 1, its public half the curve's base point. */
const privateKey = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    d: `${'A'.repeat(42)}E`,
    x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
    y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
  },
})
const publicKey = createPublicKey(privateKey)
const now = Date.UTC(2026, 0, 1)
const caller = { namespace: 'shop', podName: 'frontend-1', podUid: 'uid-1', serviceAccount: 'frontend' }

const armour = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`

/** A certificate request in DER, which is what there is to get wrong: its frame is put around it. */
const request: Target = {
  name: 'certificate-request',
  seeds() {
    const [, body] = /-----\n([^-]+)-----END/.exec(createCsr({ publicKey, privateKey }))!
    return [Buffer.from(body!, 'base64'), Buffer.from('3000', 'hex'), Buffer.from('3080', 'hex')]
  },
  words: ['30', '3082', 'a000', '0500', '02017f', '06082a8648ce3d030107', '80', '84ffffffff'].map((word) =>
    Buffer.from(word, 'hex'),
  ),
  run(input) {
    const der = decodeDer(input)
    if (der) check(decodeDer(encodeDer(der)) !== undefined, 'what was decoded can be encoded and decoded')
    const result = parseCsr(input.length % 2 === 0 ? armour(input) : input.toString('latin1'))
    return result.kind === 'accepted' ? 'accepted' : result.problem
  },
}

/** A bearer token, as a call brings it. Only what this key signed says who calls. */
const token: Target = {
  name: 'bearer-token',
  seeds: async () => [
    Buffer.from(`Bearer ${await signToken(caller, privateKey, now, now + 3_600_000)}`),
    Buffer.from(`Bearer ${await signToken(caller, privateKey, 0, 1)}`),
    Buffer.from('Bearer eyJhbGciOiJub25lIn0.e30.'),
    Buffer.from('Basic dXNlcjpwYXNzd29yZA=='),
  ],
  words: ['Bearer ', '.', '..', 'eyJhbGciOiJub25lIn0', 'e30', '=', 'bearer  '],
  async run(input) {
    const metadata = new Metadata()
    const header = input.toString('latin1')
    try {
      metadata.add('authorization', header)
    } catch {
      return 'no-header'
    }
    const verifier = { verify: (text: string) => readToken(text, publicKey, now + 1_000) }
    const result = await authenticate({ metadata, getPeer: () => '10.0.0.1:1' }, verifier)
    if (result.kind === 'authenticated') {
      check(JSON.stringify(result.caller) === JSON.stringify(caller), 'nobody becomes somebody else')
      return 'authenticated'
    }
    check(result.reason !== 'unavailable', `a bad token is no failure of ours: ${result.detail}`)
    return result.reason
  },
}

export const authorityTargets = [request, token]
