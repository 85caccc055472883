import { connect, createServer, type TLSSocket } from 'node:tls'
import type { IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { Leg } from '#sidecar/proxy/leg.ts'
import { contextSource, type PlainContext } from '#sidecar/tunnel/frames/testing/contexts.ts'
import { framesUnderTest, http2UnderTest, listenTls } from '#sidecar/tunnel/frames/testing/layers.ts'
import { streamLeg } from '#sidecar/tunnel/testing/stream-leg.ts'
import { tlsContext } from '#sidecar/tunnel/tls-context.ts'

/** `tls` is one TLS connection for each stream, with no layer at all: what the others are measured against. */
export const layerNames = ['tls', 'http2', 'frames'] as const
export type LayerName = (typeof layerNames)[number]

/** What the accepting end does with a stream; written as the port of its destination. */
export const services = { echo: 1, sink: 2, source: 3 } as const
export type Service = keyof typeof services

/** A connection that streams are opened over. */
export interface Carrier {
  open(service: Service): Promise<Leg>
}

/** The accepting end; `onStream` gets every stream with what is to be done with it. */
export async function accept(
  layer: LayerName,
  context: PlainContext,
  host: string,
  onStream: (leg: Leg, service: Service) => void,
): Promise<void> {
  const contexts = contextSource(context)
  if (layer === 'tls') return acceptTls(context, host, onStream)
  const { serve } = layer === 'http2' ? http2UnderTest : framesUnderTest
  await listenTls(contexts, host, (socket) => {
    serve(socket, (request) => {
      request.accept()
      onStream(request.leg, serviceOf(Number(request.authority.split(':').at(-1))))
    })
  })
}

/** The dialling end. */
export async function dial(
  layer: LayerName,
  client: PlainContext,
  server: PlainContext,
  host: string,
): Promise<Carrier> {
  const contexts = contextSource(client)
  if (layer === 'tls') return { open: (service) => dialTls(client, host, service) }
  const underTest = layer === 'http2' ? http2UnderTest : framesUnderTest
  const target = { ip: host as IpAddress, identity: contextSource(server).certificate().identity }
  const tunnel = await underTest.layer(contexts).dial(target, new AbortController().signal)
  return {
    async open(service) {
      const destination = { ip: '10.0.0.1', port: services[service] }
      const { leg, reply } = tunnel.open(destination as Parameters<typeof tunnel.open>[0])
      const answer = await reply
      if (answer.kind !== 'connected') throw new Error(`the stream was refused: ${JSON.stringify(answer)}`)
      return leg
    },
  }
}

/** Without streams there is no CONNECT; the first byte says what is wanted. */
function acceptTls(
  context: PlainContext,
  host: string,
  onStream: (leg: Leg, service: Service) => void,
): Promise<void> {
  const contexts = contextSource(context)
  const options = {
    ...tlsContext(contexts.certificate(), contexts.trust()),
    requestCert: true,
    noDelay: true,
  }
  const server = createServer({ ...options, allowHalfOpen: true, highWaterMark: 64 * 1024 }, (socket) => {
    socket.on('error', () => {})
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer | null
      if (first) onStream(legOf(socket), serviceOf(first[0]!))
    })
  })
  return new Promise((resolve) => server.listen(ports.hbone, host, 4_096, resolve))
}

function dialTls(context: PlainContext, host: string, service: Service): Promise<Leg> {
  const contexts = contextSource(context)
  const socket = connect({
    ...tlsContext(contexts.certificate(), contexts.trust()),
    host,
    port: ports.hbone,
    checkServerIdentity: () => undefined,
  })
  socket.setNoDelay(true)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.write(Uint8Array.of(services[service]))
      resolve(legOf(socket))
    })
  })
}

function legOf(socket: TLSSocket): Leg {
  return streamLeg(socket, {
    reset: () => void socket.destroy(),
    wasAborted: () => false,
    wasSent: () => socket.writableFinished,
  })
}

function serviceOf(port: number): Service {
  const found = Object.entries(services).find(([, number]) => number === port)
  if (!found) throw new Error(`there is no service ${port}`)
  return found[0] as Service
}
