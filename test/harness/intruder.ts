import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import type { Mesh } from './mesh.ts'
import { plan } from './network.ts'
import { dial } from './socket.ts'
import type { Workload } from './workload.ts'

/** A certificate with its key, PEM. */
export interface Leaf {
  readonly key: string
  readonly cert: string
}

/** What a tunnel's other end made of a request: a status, or how it ended without one. */
export type Reply = number | 'refused'

/** Somebody in a pod who speaks to other pods' tunnel ports without the pod's sidecar: it has been taken over. */
export class Intruder {
  readonly #pod: Workload
  readonly #mesh: Mesh

  constructor(mesh: Mesh, pod: Workload) {
    this.#mesh = mesh
    this.#pod = pod
  }

  /** A certificate of the pod's own, from the control plane, by the pod's token. */
  async leaf(): Promise<Leaf> {
    const { controlPlane } = this.#mesh
    const token = await controlPlane.token(this.#pod.entry)
    const where = ['--host', plan.controlPlane, '--port', String(ports.controlPlane)]
    const files = ['--bundle', controlPlane.trustBundle, '--token', token]
    const command = ['node', '/checkout/test/harness/apps/leaf.ts', ...where, ...files]
    const printed = await this.#pod.run(command, { uid: sidecarUid })
    const { key, chain } = JSON.parse(printed) as { key: string; chain: string[] }
    return { key, cert: chain.join('\n') }
  }

  /** A TLS connection to a pod's tunnel port; rejects when the handshake fails. Trusts anybody. */
  async handshake(target: Workload, options: ConnectionOptions): Promise<TLSSocket> {
    const address = formatSocketAddress({ ip: target.ip, port: ports.hbone })
    const socket = dial({ ...this.#pod.standing, uid: sidecarUid }, address, { allowHalfOpen: false })
    const tls = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...options })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    tls.once('secureConnect', resolve).once('error', reject)
    tls.once('close', () => reject(new Error('closed within the handshake')))
    await promise
    tls.on('error', () => {})
    return tls
  }

  /** Asks a pod's tunnel port for something, on a connection of its own; `:method` is CONNECT unless said otherwise. */
  async ask(target: Workload, options: ConnectionOptions, headers: OutgoingHttpHeaders): Promise<Reply> {
    let tls: TLSSocket
    try {
      tls = await this.handshake(target, options)
    } catch {
      return 'refused'
    }
    try {
      return await replyOf(tls, { ':method': 'CONNECT', ...headers })
    } finally {
      tls.destroy()
    }
  }
}

/** A client without a certificate has finished its handshake when the server refuses it, so any loss counts. */
async function replyOf(tls: TLSSocket, headers: OutgoingHttpHeaders): Promise<Reply> {
  if (tls.destroyed) return 'refused'
  const { promise, resolve } = Promise.withResolvers<Reply>()
  const lost = () => resolve('refused')
  tls.once('end', lost).once('close', lost)
  const session = connectHttp2('https://tunnel', { createConnection: () => tls })
  session.on('error', () => {})
  const stream = session.request(headers)
  stream.on('error', () => {}).once('close', lost)
  stream.once('response', (answer) => resolve(answer[':status'] ?? 'refused'))
  try {
    return await promise
  } finally {
    session.destroy()
  }
}
