import { createSecureServer } from 'node:http2'
import { ports } from '#mesh/ports.ts'
import type { Leaf } from './intruder.ts'
import type { Workload } from './workload.ts'

/** Somebody who listens where a sidecar looks for its control plane, and notes what it is told. */
export class FakeControlPlane {
  /** `host:port`. */
  readonly address: string
  /** Handshakes that clients broke off. */
  refusals = 0
  /** The `authorization` header of each call that came. */
  readonly authorizations: (string | undefined)[] = []

  private constructor(workload: Workload) {
    this.address = `${workload.ip}:${ports.controlPlane}`
  }

  static async listen(workload: Workload, leaf: Leaf): Promise<FakeControlPlane> {
    const fake = new FakeControlPlane(workload)
    const server = createSecureServer({ ...leaf })
    server.on('tlsClientError', () => (fake.refusals += 1))
    server.on('sessionError', () => {})
    server.on('stream', (stream, headers) => {
      fake.authorizations.push(headers.authorization)
      stream.on('error', () => {}).respond({ ':status': 503 }, { endStream: true })
    })
    await workload.listen(server, ports.controlPlane)
    return fake
  }
}
