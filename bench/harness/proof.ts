import type { Capture } from '#test/harness/capture.ts'
import { exchange } from './exchange.ts'
import { applicationPorts, type Pair, type Peer, type PeerName, type Site } from './peer.ts'

/** Why a peer's numbers count as those of an encrypted connection. */
export interface EncryptionProof {
  readonly peer: PeerName
  /** The groups that its handshakes agreed on, e.g. `X25519MLKEM768`; empty for the direct pair. */
  readonly groups: readonly string[]
  /** What the peer itself counts or says. */
  readonly evidence: string
}

/**
 * Fetches the marker, which only the server's application knows, and looks for it in what passed the network: it must be
 * there for the direct pair, which shows that the capture sees it, and for no other.
 */
export async function proveEncryption(
  { mesh }: Site,
  peer: Peer,
  pair: Pair,
  marker: string,
): Promise<EncryptionProof> {
  await using capture = await mesh.capture()
  // A tunnel from before the capture would hide the group that it was made with.
  await pair.proxies?.restart('client')
  const { answer } = await exchange(pair, pair.target(applicationPorts.http), '/marker')
  if (!answer.includes(marker))
    throw new Error(`${peer.name}: the answer has no marker: ${answer.slice(0, 200)}`)
  const visible = await capture.contains(marker)
  if (!pair.proxies) {
    if (!visible) throw new Error('the capture does not see what the direct pair sends: it proves nothing')
    return {
      peer: peer.name,
      groups: [],
      evidence: 'in the clear, as intended: the capture holds the marker',
    }
  }
  if (visible) throw new Error(`${peer.name} does not encrypt: the marker passed the network in the clear`)
  const groups = await groupsBetween(capture, pair)
  if (groups.length === 0) throw new Error(`${peer.name}: no TLS 1.3 handshake between its two pods was seen`)
  return { peer: peer.name, groups, evidence: await pair.proxies.evidence() }
}

async function groupsBetween(capture: Capture, { client, server }: Pair): Promise<string[]> {
  const groups = (await capture.handshakes())
    .filter(
      (handshake) => isAt(handshake.client, client.addresses) && isAt(handshake.server, server.addresses),
    )
    .map(({ group }) => group ?? 'none')
  return [...new Set(groups)]
}

function isAt(socketAddress: string, addresses: readonly string[]): boolean {
  return addresses.some((address) => socketAddress.startsWith(`${address}:`))
}
