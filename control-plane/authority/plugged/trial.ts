import { createPublicKey } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { connect, createServer, type SecureContextOptions } from 'node:tls'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import type { Signer } from '../certificate.ts'
import { issue } from '../issue.ts'
import { createKey, exportKey } from '../keys.ts'
import { PluggedCaRefused } from './refusal.ts'

export interface Names {
  readonly identity: SpiffeId
  readonly dnsNames: readonly string[]
}

/** Milliseconds that the trial's certificate is good for, and that the trial may take. */
const lifetime = 60_000
const handshakeTimeout = 5_000

/**
 * Signs a certificate of these names and has OpenSSL judge its chain from either end of a handshake, as sidecars will.
 * Rejects with PluggedCaRefused for whatever makes a certificate of this authority no good: limits of names above all.
 */
export async function tryOut(signer: Signer, names: Names): Promise<void> {
  const credentials = credentialsOf(signer, names)
  const [near, far] = duplexPair()
  const server = createServer({
    ...credentials,
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout,
  })
  const client = connect({ ...credentials, socket: near, checkServerIdentity: () => undefined })
  try {
    await new Promise<unknown>((resolve, reject) => {
      client.on('error', reject)
      server.on('tlsClientError', reject)
      server.once('secureConnection', (accepted) => resolve(accepted.on('error', () => {})))
      server.emit('connection', far)
    })
  } catch (cause) {
    throw new PluggedCaRefused(sentenceFor(cause as Error, names), { cause })
  } finally {
    client.destroy()
    far.destroy()
  }
}

/** OpenSSL knows no other clock than the machine's, so this is made for now. */
function credentialsOf(signer: Signer, { identity, dnsNames }: Names): SecureContextOptions {
  const key = createKey()
  const request = { identity, publicKey: createPublicKey(key), lifetime, now: Date.now(), dnsNames }
  return {
    minVersion: 'TLSv1.3',
    key: exportKey(key),
    cert: issue(request, signer).chain.join(''),
    ca: (signer.issuers.at(-1) ?? signer.certificate).toString(),
  }
}

function sentenceFor({ message }: Error, { identity, dnsNames }: Names): string {
  if (!/subtree violation/.test(message)) return `OpenSSL refuses what it signs: ${message}`
  const names = [`URIs of the host ${identity.trustDomain}`, ...dnsNames].join(', ')
  return `name constraints in its chain exclude what it would sign: ask for a certificate that permits ${names}`
}
