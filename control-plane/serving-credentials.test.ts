import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, type SecureVersion } from 'node:tls'
import { credentials, Server, status } from '@grpc/grpc-js'
import { expect, test, vi } from 'vitest'
import { spiffeId } from '#mesh/spiffe-id.ts'
import { openDoor } from '#runtime/door.ts'
import { doorMetrics } from '#runtime/door-metrics.ts'
import { silentLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { FileSigners } from './authority/file-signers.ts'
import { Issuer } from './authority/issuer.ts'
import { makeRoot } from './authority/root.ts'
import { controlPlaneNames, Serving } from './authority/serving.ts'
import { StateDirectory } from './authority/state-directory.ts'
import { temporaryFolder } from './authority/testing/temporary-folder.ts'
import { pod, registry } from './model/testing/registries.ts'
import { typeUrls } from './model/type-urls.ts'
import { DiscoveryService } from './push/discovery-service.ts'
import { pushMetrics } from './push/metrics.ts'
import { modelOf } from './push/testing/client.ts'
import { DiscoveryClient } from './push/testing/grpc-client.ts'
import { servingCredentials } from './serving-credentials.ts'

const serverName = 'weft-control-plane.weft-system.svc'
const caller = { namespace: 'shop', podName: 'a-1', podUid: 'uid-of-a-1', serviceAccount: 'default' }

async function serve() {
  const folder = temporaryFolder()
  const state = new FileSigners(new StateDirectory(folder.path))
  const root = makeRoot('cluster.local', Date.now())
  const serving = new Serving({
    issuer: await Issuer.open({ store: state, root, now: Date.now() }),
    identity: spiffeId('cluster.local', 'weft-system', 'weft-control-plane')!,
    dnsNames: controlPlaneNames('weft-system'),
    lifetime: 3_600_000,
    now: Date.now(),
  })
  const discovery = new DiscoveryService({
    authenticate: () => Promise.resolve({ kind: 'authenticated', caller }),
    metrics: pushMetrics(createMetrics()),
    log: silentLog,
  })
  const server = new Server()
  server.addService(DiscoveryService.definition, discovery.implementation)
  const connections = server.createConnectionInjector(servingCredentials(serving.certificate))
  const metrics = createMetrics()
  const door = await openDoor(
    { host: '127.0.0.1', port: 0 },
    {
      ofOneAddress: 4,
      take: (connection) => connections.injectConnection(connection),
      metrics: doorMetrics(metrics, { open: 'open', refused: 'refused', server: 'a test' }),
      log: silentLog,
    },
  )
  const roots = Buffer.from(root.certificate.toString())
  const dispose = () => {
    door.close()
    server.forceShutdown()
    folder[Symbol.dispose]()
  }
  return { serving, discovery, metrics, port: door.port, roots, [Symbol.dispose]: dispose }
}

/** The serial number of the certificate that a new connection is shown. */
async function shown(port: number, ca: Buffer, maxVersion: SecureVersion = 'TLSv1.3'): Promise<string> {
  const options = { port, host: '127.0.0.1', ca, servername: serverName, maxVersion, ALPNProtocols: ['h2'] }
  const socket = connect({ ...options, minVersion: 'TLSv1.2' })
  try {
    await once(socket, 'secureConnect')
    return socket.getPeerX509Certificate()!.serialNumber
  } finally {
    socket.destroy()
  }
}

test('a new certificate is shown to new connections, while open streams go on', async () => {
  using served = await serve()
  const { discovery, serving, port, roots } = served
  discovery.publish(modelOf(registry({ workloads: [pod('shop/a-1', '10.77.0.11')] })))
  using client = new DiscoveryClient({ port, serverName, credentials: credentials.createSsl(roots) })
  client.send({ typeUrl: typeUrls.address })
  await client.accept()

  const before = await shown(port, roots)
  serving.renew(Date.now())
  const after = await shown(port, roots)
  expect(after).not.toBe(before)
  expect(after).toBe(new X509Certificate(serving.certificate.current.chain).serialNumber)

  discovery.publish(
    modelOf(registry({ workloads: [pod('shop/a-1', '10.77.0.11'), pod('shop/b-1', '10.77.0.12')] })),
  )
  expect((await client.accept()).resources.map(({ name }) => name)).toEqual(['Kubernetes//Pod/shop/b-1'])
  using late = new DiscoveryClient({ port, serverName, credentials: credentials.createSsl(roots) })
  late.send({ typeUrl: typeUrls.address })
  expect((await late.accept()).resources).toHaveLength(2)
})

test('TLS 1.2 is refused, before a rotation and after', async () => {
  using served = await serve()
  await expect(shown(served.port, served.roots, 'TLSv1.2')).rejects.toThrow(/protocol version/)
  served.serving.renew(Date.now())
  await expect(shown(served.port, served.roots, 'TLSv1.2')).rejects.toThrow(/protocol version/)
})

test('a client that trusts other roots, or expects another name, goes no further', async () => {
  using served = await serve()
  using stranger = await serve()
  const { port } = served
  using foreign = new DiscoveryClient({
    port,
    serverName,
    credentials: credentials.createSsl(stranger.roots),
  })
  expect((await foreign.ended)?.code).toBe(status.UNAVAILABLE)
  const trusted = credentials.createSsl(served.roots)
  using elsewhere = new DiscoveryClient({ port, serverName: 'weft.example', credentials: trusted })
  expect((await elsewhere.ended)?.code).toBe(status.UNAVAILABLE)
})

test('a connection that ends is counted no more, also when it never called', async () => {
  using served = await serve()
  const { port, roots, metrics } = served
  // More than may be open at once.
  for (let turn = 0; turn < 6; turn++) {
    await shown(port, roots)
    await expect(shown(port, roots, 'TLSv1.2')).rejects.toThrow(/protocol version/)
  }
  const open = metrics.getSingleMetric('open')!
  await vi.waitFor(async () => expect((await open.get()).values).toMatchObject([{ value: 0 }]))
})
