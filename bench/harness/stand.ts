import { randomBytes } from 'node:crypto'
import { churnLoad } from '#test/harness/wrk.ts'
import { startApplications } from './applications.ts'
import { applicationPorts, type Pair, type Peer, type Site } from './peer.ts'
import { type EncryptionProof, proveEncryption } from './proof.ts'

/** A peer that stands ready to be measured, and has shown that it encrypts. */
export interface Stand {
  readonly peer: Peer
  readonly pair: Pair
  readonly proof: EncryptionProof
}

/** Makes the peer's pair with its applications, proves what it sends, and warms it up. */
export async function stand(site: Site, peer: Peer): Promise<Stand> {
  const marker = `weft-bench-${randomBytes(16).toString('hex')}`
  const pair = await peer.start(site)
  await startApplications(pair.server, marker)
  const proof = await proveEncryption(site, peer, pair, marker)
  await warmUp(pair)
  return { peer, pair, proof }
}

/** A compiler at run time, and allocators, are in another state after the first thousands of connections than before. */
async function warmUp({ client, target }: Pair): Promise<void> {
  const url = `http://${target(applicationPorts.http)}/answer`
  await client.run(['wrk', '-t', '1', '-c', '16', '-d', '1s', url])
  await churnLoad(client, { url, connections: 16, duration: 1 })
}
