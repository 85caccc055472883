import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as realPorts from '#mesh/ports.ts'
import { ip } from '#mesh/testing/mesh.ts'
import { TestPki } from '../testing/pki.ts'
import { revocationList, serialBytes } from '../testing/revocation-list.ts'
import { type Contexts, contexts, openStream, type ServedTunnels, served } from '../testing/tunnel-ends.ts'
import { parseTrustBundle } from '../view/trust-bundle.ts'
import { framesLayer } from './frames/layer.ts'
import type { Tunnel } from './tunnel.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const never = new AbortController().signal
const backend = pki.certificate('backend')
const frontend = pki.certificate('frontend')

let near: Contexts
let far: Contexts
let ends: ServedTunnels
beforeEach(async () => {
  near = contexts(frontend, pki.trust())
  far = contexts(backend, pki.trust())
  ends = await served(far)
})
afterEach(async () => {
  await ends[Symbol.asyncDispose]()
})

function revoking(...serials: readonly string[]) {
  const crl = revocationList(pki.issuer, serials.map(serialBytes))
  return parseTrustBundle(pki.trustDomain, pki.root.certificate.toString(), crl)
}

function dial(): Promise<Tunnel> {
  return framesLayer(near).dial({ ip: ip('127.0.0.1'), identity: backend.identity }, never)
}

describe('a revoked certificate', () => {
  it('of whoever is dialled is refused by name, with nothing said through the tunnel', async () => {
    near.roots = revoking(backend.serial)
    await expect(dial()).rejects.toMatchObject({
      failure: 'peer_revoked',
      retryable: true,
      message: expect.stringContaining(
        `certificate ${backend.serial} of spiffe://cluster.local/ns/shop/sa/backend`,
      ),
    })
    expect(ends.requests).toEqual([])
  })

  it('of whoever dials is refused, and counted', async () => {
    far.roots = revoking(frontend.serial)
    await ends.server.refresh()
    const tunnel = await dial()
    await expect.poll(() => tunnel.usable, { interval: 2 }).toBe(false)
    expect(await ends.refused('peer_revoked')).toBe(1)
    expect(ends.requests).toEqual([])
  })

  it('leaves every other one as it was: a list of one issuer is asked for no list of the root', async () => {
    const others = revoking('0102', pki.certificate('other').serial)
    near.roots = others
    far.roots = others
    await ends.server.refresh()
    const tunnel = await dial()
    const { nearLeg } = await openStream(tunnel, ends)
    nearLeg.end()
    tunnel.destroy(new Error('done'))
  })

  it('opens no new stream on a tunnel that stands, once its tunnels are retired; others do', async () => {
    const revoked = await dial()
    near.own = pki.certificate('other')
    const good = await dial()
    await openStream(revoked, ends)
    await openStream(good, ends)
    ends.server.retire(({ serial }) => serial === frontend.serial)
    await expect.poll(() => revoked.usable, { interval: 2 }).toBe(false)
    expect(good.usable).toBe(true)
    for (const tunnel of [revoked, good]) tunnel.destroy(new Error('done'))
  })

  it('has a successor under the same name, which is welcome', async () => {
    far.roots = revoking(frontend.serial)
    near.own = pki.certificate('frontend')
    await ends.server.refresh()
    const tunnel = await dial()
    await openStream(tunnel, ends)
    tunnel.destroy(new Error('done'))
  })
})
