import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { FileSigners } from '#control-plane/authority/file-signers.ts'
import { issue } from '#control-plane/authority/issue.ts'
import { Issuer } from '#control-plane/authority/issuer.ts'
import { makeRoot } from '#control-plane/authority/root.ts'
import { StateDirectory } from '#control-plane/authority/state-directory.ts'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import { type SpiffeId, spiffeId } from '#mesh/spiffe-id.ts'
import { parseCertificate } from '../../../credentials/certificate.ts'
import { parseTrustBundle } from '../../../view/trust-bundle.ts'
import type { ContextSource } from '../../context-source.ts'

export const clientIdentity = spiffeId('cluster.local', 'shop', 'client')!
export const serverIdentity = spiffeId('cluster.local', 'shop', 'server')!

/** What one workload authenticates with, as text that another process can be given. */
export interface PlainContext {
  readonly identity: SpiffeId
  readonly key: string
  readonly chain: readonly string[]
  readonly root: string
}

/** Contexts of both ends under one new root. */
export async function plainContexts(): Promise<{ client: PlainContext; server: PlainContext }> {
  using folder = temporaryFolder()
  const state = new FileSigners(new StateDirectory(folder.path))
  const now = Date.now()
  const root = makeRoot('cluster.local', now)
  const issuer = await Issuer.open({ store: state, root, now })
  const contextOf = (identity: SpiffeId): PlainContext => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const publicKey = createPublicKey(privateKey)
    const { chain } = issue({ identity, publicKey, lifetime: 24 * 3_600_000, now }, issuer.signer)
    return {
      identity,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      chain,
      root: root.certificate.toString(),
    }
  }
  return { client: contextOf(clientIdentity), server: contextOf(serverIdentity) }
}

export function contextSource({ identity, key, chain, root }: PlainContext): ContextSource {
  // An identity that was read from JSON is none any more.
  const parsed = spiffeId(identity.trustDomain, identity.namespace, identity.serviceAccount)!
  const certificate = parseCertificate(key, chain, parsed)
  const trust = parseTrustBundle('cluster.local', root)
  const { intermediates } = certificate
  return { certificate: () => certificate, trust: () => trust, authorities: () => intermediates }
}
