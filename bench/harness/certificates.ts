import { createPublicKey, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSpiffeId } from '#mesh/spiffe-id.ts'
import { issue } from '../../control-plane/authority/issue.ts'
import { createKey, parseKey } from '../../control-plane/authority/keys.ts'
import { type Side, sides } from './peer.ts'

/** Paths of PEM files: both leaves come from the issuer that serves weft's sidecars, so no peer has smaller certificates. */
export interface PairCertificates {
  readonly root: string
  /** Leaf and issuer. */
  readonly chain: Readonly<Record<Side, string>>
  readonly key: Readonly<Record<Side, string>>
}

const day = 86_400_000

/** Writes them into a new directory, where every user may read them: they protect nothing but one run. */
export function makeCertificates(stateDirectory: string, directory: string): PairCertificates {
  mkdirSync(directory)
  chmodSync(directory, 0o755)
  const write = (name: string, content: string | Buffer) => {
    const path = join(directory, name)
    writeFileSync(path, content, { mode: 0o644 })
    return path
  }
  const stored = JSON.parse(readFileSync(join(stateDirectory, 'issuer.json'), 'utf8')) as Record<
    string,
    string
  >
  const privateKey = parseKey(stored['tls.key'] ?? '')
  if (!privateKey) throw new Error(`${stateDirectory} holds no issuer's key`)
  const root = new X509Certificate(readFileSync(join(stateDirectory, 'trust-bundle.pem')))
  const issuer = { certificate: new X509Certificate(stored['tls.crt'] ?? ''), privateKey, issuers: [root] }
  const leaves = sides.map((side) => {
    const key = createKey()
    const { chain } = issue(
      {
        identity: parseSpiffeId(`spiffe://cluster.local/ns/bench/sa/${side}`)!,
        publicKey: createPublicKey(key),
        lifetime: day,
        now: Date.now(),
        dnsNames: [nameOf(side)],
      },
      issuer,
    )
    return {
      chain: write(`${side}.pem`, chain.join('')),
      // Beside the chain and named after it, where HAProxy looks.
      key: write(`${side}.pem.key`, key.export({ type: 'pkcs8', format: 'pem' })),
    }
  })
  const [client, server] = leaves
  return {
    root: write('root.pem', readFileSync(join(stateDirectory, 'trust-bundle.pem'))),
    chain: { client: client!.chain, server: server!.chain },
    key: { client: client!.key, server: server!.key },
  }
}

/** The DNS name in a side's leaf. */
export function nameOf(side: Side): string {
  return `${side}.bench`
}
