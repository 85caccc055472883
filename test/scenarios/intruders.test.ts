import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { Intruder, type Leaf } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { OpensslAuthority } from '#test/harness/openssl.ts'
import { lacks } from '#test/harness/requirements.ts'
import { connectFrom } from '#test/harness/socket.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// Who comes to a pod without the mesh's leave: at the tunnel's door, or asking to be passed on elsewhere.
describe.skipIf(lacks('intruders', 'openssl'))('intruders', () => {
  let mesh: Mesh
  let mallory: Workload
  let bob: Workload
  let outsider: Workload
  let intruder: Intruder
  let own: Leaf
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh({ ipv6: true })
    ;[mallory, bob, outsider] = await Promise.all([
      mesh.workload('mallory'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
    ])
    intruder = new Intruder(mesh, mallory)
    own = await intruder.leaf()
    application = await Listener.open(bob, 8080, { host: '::' })
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe.each([
    { when: 'at the first certificate', renew: async () => {} },
    {
      when: 'after a rotation',
      renew: async () => void (await bob.sidecar.admin('POST /certificate/renew')),
    },
  ])('$when', ({ renew }) => {
    beforeAll(async () => {
      await renew()
    })

    test('with a certificate of its own the door opens', async () => {
      expect(await ask(own)).toBe(200)
    })

    test('without a certificate it does not', async () => {
      expect(await refusedFor('tls_failed', () => ask({}))).toBe('refused')
    })

    test('nor in TLS 1.2', async () => {
      const old = { ...own, maxVersion: 'TLSv1.2' } as const
      expect(await refusedFor('tls_failed', () => ask(old))).toBe('refused')
    })

    test('nor in plaintext', async () => {
      const heard = await refusedFor('tls_failed', async () => {
        using knock = new Conversation(
          await connectFrom({ ...mallory.standing, uid: sidecarUid }, `${bob.ip}:${ports.hbone}`),
        )
        knock.say(`CONNECT ${bob.ip}:8080 HTTP/1.1\r\nHost: ${bob.ip}:8080\r\n\r\n`)
        await knock.ended()
        return knock.heard.toString('latin1')
      })
      expect(heard).not.toContain('HTTP')
    })

    test('nor in HTTP/1, whether it says so or nothing', async () => {
      const http1 = { ...own, ALPNProtocols: ['http/1.1'] }
      expect(await refusedFor('tls_failed', () => ask(http1))).toBe('refused')

      const heard = await refusedFor('not_http2', async () => {
        const tls = await intruder.handshake(bob, { ...own, ALPNProtocols: [] })
        tls.write(`CONNECT ${bob.ip}:8080 HTTP/1.1\r\nHost: ${bob.ip}:8080\r\n\r\n`)
        return await buffer(tls).catch(() => Buffer.of())
      })
      expect(heard).toHaveLength(0)
    })

    test('nor with a session from before, which would show no certificate', async () => {
      const before = await intruder.handshake(bob, own)
      const [session] = (await once(before, 'session')) as [Buffer]
      before.destroy()
      const resumed = await intruder.handshake(bob, { ...own, session })
      expect(resumed.isSessionReused()).toBe(false)
      resumed.destroy()
      expect(await refusedFor('tls_failed', () => ask({ session }))).toBe('refused')
    })

    test('nor with a certificate of somebody else’s root, though it names a friend', async () => {
      using foreign = OpensslAuthority.foreign()
      const forged = foreign.leaf({ names: 'URI:spiffe://cluster.local/ns/shop/sa/mallory' })
      expect(await refusedFor('tls_failed', () => ask(forged))).toBe('refused')
    })

    test('while whoever stole the issuer’s keys would get in', async () => {
      using issuer = meshIssuer()
      expect(await ask(issuer.leaf({ names: 'URI:spiffe://cluster.local/ns/shop/sa/mallory' }))).toBe(200)
    })

    // Signed with those keys, so it is this one thing that each is refused for.
    const misissued = [
      { what: 'an expired certificate', days: -1, reason: 'tls_failed' },
      { what: 'a key of 1024 bits', key: ['rsa:1024'], reason: 'tls_failed' },
      { what: 'the name of another trust domain', names: 'URI:spiffe://evil.example/ns/shop/sa/mallory' },
      {
        what: 'two names',
        names: 'URI:spiffe://cluster.local/ns/shop/sa/mallory,URI:spiffe://cluster.local/ns/shop/sa/bob',
      },
      { what: 'no name of the mesh', names: 'DNS:mallory.shop.svc' },
    ]
    test.each(misissued)('nor with $what', async ({ reason = 'foreign_identity', ...wanted }) => {
      using issuer = meshIssuer()
      const leaf = issuer.leaf({ names: 'URI:spiffe://cluster.local/ns/shop/sa/mallory', ...wanted })
      expect(await refusedFor(reason, () => ask({ ...leaf, ciphers: 'DEFAULT:@SECLEVEL=0' }))).toBe('refused')
    })

    test('nor with the certificate of a pod that is not where it comes from', async () => {
      using issuer = meshIssuer()
      const stolen = issuer.leaf({ names: 'URI:spiffe://cluster.local/ns/shop/sa/bob' })
      expect(await refusedFor('peer_gone', () => ask(stolen))).toBe(401)
    })

    test('nobody was served but who had leave', () => {
      for (const { heard } of application.taken) expect(heard).toHaveLength(0)
    })
  })

  describe('a pod passes nothing on', () => {
    const elsewhere = [
      { what: 'loopback', authority: () => '127.0.0.1:8080', reason: 'not_my_address' },
      { what: 'IPv6 loopback', authority: () => '[::1]:8080', reason: 'not_my_address' },
      { what: 'any address', authority: () => '0.0.0.0:8080', reason: 'not_my_address' },
      { what: 'another pod', authority: () => `${outsider.ip}:8080`, reason: 'not_my_address' },
      { what: 'the control plane', authority: () => '10.77.0.2:15012', reason: 'not_my_address' },
      ...[ports.admin, ports.outbound, ports.inbound, ports.hbone, ports.canary].map((port) => ({
        what: `the sidecar’s port ${port}`,
        authority: () => `${bob.ip}:${port}`,
        reason: 'forbidden_port',
      })),
      { what: 'a name', authority: () => 'localhost:8080', reason: 'bad_authority' },
      { what: 'a service’s name', authority: () => 'bob.shop.svc:8080', reason: 'bad_authority' },
      { what: 'IPv6 without brackets', authority: () => `${bob.addresses[1]}:8080`, reason: 'bad_authority' },
      { what: 'no port', authority: () => bob.ip, reason: 'bad_authority' },
      { what: 'port 0', authority: () => `${bob.ip}:0`, reason: 'bad_authority' },
      { what: 'a port too high', authority: () => `${bob.ip}:65537`, reason: 'bad_authority' },
    ]
    test.each(elsewhere)('to $what', async ({ authority, reason }) => {
      const reply = await refusedFor(reason, () => intruder.ask(bob, own, { ':authority': authority() }))
      expect(reply).toBe(400)
    })

    test('nor does it answer a request that is no CONNECT', async () => {
      const headers = { ':method': 'GET', ':scheme': 'https', ':path': '/', ':authority': `${bob.ip}:8080` }
      expect(await refusedFor('not_connect', () => intruder.ask(bob, own, headers))).toBe(400)
    })

    test('to a third address that somebody routes through it', async () => {
      const told = bob.sidecar.accessLog().length
      await outsider.run(['ip', 'route', 'add', '10.99.0.1', 'via', bob.ip], { uid: 0 })
      await expect(outsider.connect('10.99.0.1:8080', { timeout: 500 })).rejects.toThrow(
        /EHOSTUNREACH|ENETUNREACH|did not answer/,
      )
      expect(bob.sidecar.accessLog()).toHaveLength(told)
    })

    test.each([
      { what: 'its outbound listener', port: ports.outbound, reason: 'forbidden_port' },
      { what: 'its admin endpoint', port: ports.admin, reason: 'forbidden_port' },
      { what: 'its inbound listener', port: ports.inbound, reason: 'not_redirected' },
    ])('and $what is for nobody outside', async ({ port, reason }) => {
      const dial = (from: Workload) => () => Conversation.refusal(from, `${bob.ip}:${port}`)
      expect(await refusedFor(reason, dial(outsider))).toBe('reset')
      expect(await refusedFor('forbidden_port', dial(mallory))).toBe('reset')
    })

    test('while its own application is served as before', async () => {
      using talk = await converse(mallory, `${bob.ip}:8080`, application)
      expect(talk.server.end).toBeUndefined()
    })
  })

  async function ask(options: ConnectionOptions) {
    return await intruder.ask(bob, options, { ':authority': `${bob.ip}:8080` })
  }

  /** Attempts something, and waits until bob has counted one more refusal for that reason. */
  async function refusedFor<T>(reason: string, attempt: () => Promise<T>): Promise<T> {
    const count = async () => {
      const [early, late] = await Promise.all(
        ['weft_inbound_refused_total', 'weft_connections_refused_total'].map((name) =>
          bob.sidecar.metric(name, { reason }),
        ),
      )
      return early! + late!
    }
    const before = await count()
    const answer = await attempt()
    await until(`bob to count a refusal for ${reason}`, async () => (await count()) > before, {
      timeout: 3_000,
    })
    return answer
  }

  /** Whoever has stolen the keys of the mesh's issuer. */
  function meshIssuer(): OpensslAuthority {
    const path = join(mesh.controlPlane.stateDirectory, 'issuer.json')
    const stored = JSON.parse(readFileSync(path, 'utf8')) as { 'tls.crt': string; 'tls.key': string }
    return OpensslAuthority.withKeyOf(stored['tls.crt'], stored['tls.key'])
  }
})
