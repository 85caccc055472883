import { once } from 'node:events'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { authority } from '#control-plane/authority/plugged/testing/enterprise.ts'
import { trusting } from '../testing/pictures.ts'
import { TestPki } from '../testing/pki.ts'
import { portOf } from '../testing/sockets.ts'
import { contexts } from '../testing/tunnel-ends.ts'
import { isRevoked, type Peer, peerOf, stillTrusted } from './peer.ts'
import { tlsContext } from './tls-context.ts'

const [old, next] = [new TestPki(), new TestPki()]

/** What an enterprise plugs in: two authorities between the root and the one that signs, with keys of every kind. */
const enterprise = authority('Root', undefined, { key: 'P-384' })
const policy = authority('Policy', enterprise, { key: 'RSA-2048' })
const region = authority('Region', policy, { key: 'P-521' })
const plugged = new TestPki({ above: [enterprise, policy, region, authority('Mesh', region)] })

/** Both ends' view of each other, each under roots of its own choice. */
async function handshake(
  client: TestPki,
  server: TestPki,
  trusted: readonly TestPki[] = [old, next],
): Promise<{ seen: Peer | undefined; accepted: Peer | undefined }> {
  const near = contexts(client.certificate('frontend'), client.trust(...trusted, server))
  const far = contexts(server.certificate('backend'), server.trust(...trusted, client))
  const options = { requestCert: true, checkServerIdentity: () => undefined }
  const listener = createServer({ ...tlsContext(far.own, far.roots), ...options })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const socket = connect({
    ...tlsContext(near.own, near.roots),
    ...options,
    host: '127.0.0.1',
    port: portOf(listener),
  })
  const [[accepted]] = (await Promise.all([
    once(listener, 'secureConnection'),
    once(socket, 'secureConnect'),
  ])) as [[TLSSocket], unknown]
  const peers = { seen: peerOf(socket, near), accepted: peerOf(accepted, far) }
  socket.destroy()
  accepted.destroy()
  listener.close()
  return peers
}

const fingerprint = (pki: TestPki): string => pki.root.certificate.fingerprint256

describe('the roots that a peer may have proved itself by', () => {
  it('are the one of its chain, as both ends see it', async () => {
    const { seen, accepted } = await handshake(next, next)
    expect(seen?.roots).toEqual([fingerprint(next)])
    expect(accepted?.roots).toEqual([fingerprint(next)])
  })

  it('are the one above several authorities, whatever their keys', async () => {
    const { seen, accepted } = await handshake(plugged, plugged, [old, next])
    expect(seen?.roots).toEqual([fingerprint(plugged)])
    expect(accepted?.roots).toEqual([fingerprint(plugged)])
  })

  it('are all of them in the eyes of an accepting end that does not know its issuer: in doubt none may go', async () => {
    const { seen, accepted } = await handshake(old, next)
    expect(seen?.roots).toEqual([fingerprint(next)])
    expect(accepted?.roots.toSorted()).toEqual([fingerprint(old), fingerprint(next)].toSorted())
  })
})

describe('the roots of a peer whose issuer is not known', () => {
  it('are known as soon as this end has a certificate of the same issuer', async () => {
    const near = contexts(next.certificate('frontend'), next.trust(old))
    const far = contexts(old.certificate('backend'), next.trust(old))
    const listener = createServer({ ...tlsContext(far.own, far.roots), requestCert: true })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const address = { host: '127.0.0.1', port: portOf(listener), checkServerIdentity: () => undefined }
    const socket = connect({ ...tlsContext(near.own, near.roots), ...address })
    const [accepted] = (await once(listener, 'secureConnection')) as [TLSSocket]
    const peer = peerOf(accepted, far)!
    expect(peer.roots).toHaveLength(2)
    expect(stillTrusted(peer, next.trust())).toBe(false)
    far.own = next.certificate('backend')
    expect(peer.roots).toEqual([fingerprint(next)])
    expect(stillTrusted(peer, next.trust())).toBe(true)
    // It is known for good: the certificate may be of yet another issuer by the time that anybody asks.
    far.own = old.certificate('backend')
    expect(peer.roots).toEqual([fingerprint(next)])
    for (const end of [socket, accepted]) end.destroy()
    listener.close()
  })
})

describe('a peer', () => {
  const proved = (...roots: string[]): Peer =>
    ({ identity: next.certificate('x').identity, serial: '', roots, notAfter: 0 }) satisfies Peer

  it('is believed while every root that it may have used is', () => {
    expect(stillTrusted(proved('a'), trusting('a', 'b'))).toBe(true)
    expect(stillTrusted(proved('a', 'b'), trusting('a', 'b', 'c'))).toBe(true)
    expect(stillTrusted(proved('a', 'b'), trusting('b'))).toBe(false)
    expect(stillTrusted(proved('a'), trusting('b'))).toBe(false)
    expect(stillTrusted(proved('a'), undefined)).toBe(false)
  })

  it('is not believed where there is no root to believe by', () => {
    expect(stillTrusted(proved(), trusting('a'))).toBe(false)
  })

  it('is revoked by the serial of the certificate that it showed', () => {
    const peer = { ...proved('a'), serial: '0A1B' }
    const revoking = (...serials: readonly string[]) => ({ ...trusting('a'), revoked: new Set(serials) })
    expect(isRevoked(peer, revoking('0A1B', '01'))).toBe(true)
    expect(isRevoked(peer, revoking('0A'))).toBe(false)
    expect(isRevoked(peer, undefined)).toBe(false)
  })
})
