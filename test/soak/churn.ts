import { randomBytes } from 'node:crypto'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Mesh, Service } from '#test/harness/mesh.ts'
import { Ticks } from '#test/harness/ticks.ts'
import type { Workload } from '#test/harness/workload.ts'

export interface Stage {
  readonly mesh: Mesh
  readonly alice: Workload
  readonly bob: Workload
  readonly carol: Workload
  readonly outsider: Workload
  /** Leads to bob and carol. */
  readonly service: Service
}

/** What came and went. */
export interface Churn {
  /** Exchanges that were answered in full. */
  connections: number
  bytes: number
  /** Connections that the client cut. */
  aborts: number
  /** Changes of policy, of readiness, of certificates. */
  changes: number
  /** Of the control plane. */
  restarts: number
  readonly failures: string[]
}

const large = randomBytes(2_000_000)

/** Everything that a mesh sees in a bad week, for so many seconds at once; nothing of it is left at the end. */
export async function churn(
  { mesh, alice, bob, carol, outsider, service }: Stage,
  { seconds, round }: { readonly seconds: number; readonly round: number },
): Promise<Churn> {
  const done: Churn = { connections: 0, bytes: 0, aborts: 0, changes: 0, restarts: 0, failures: [] }
  const deadline = performance.now() + seconds * 1_000
  const again = async (what: string, work: () => Promise<void>): Promise<void> => {
    while (performance.now() < deadline) {
      await work().catch((error: Error) => void done.failures.push(`${what}: ${error.message}`))
    }
  }
  const ask = async (from: Workload, target: string): Promise<void> => {
    const socket = await from.connect(target)
    socket.end('a question')
    const answer = await text(socket)
    if (answer !== 'a question') throw new Error(`answered "${answer}"`)
    done.connections += 1
  }
  const exchange = async (): Promise<void> => {
    const socket = await alice.connect(`${service.ip}:80`)
    socket.end(large)
    const answer = await buffer(socket)
    if (!answer.equals(large)) throw new Error(`${answer.length} of ${large.length} bytes came back`)
    done.connections += 1
    done.bytes += 2 * large.length
    await sleep(100)
  }
  const abort = async (): Promise<void> => {
    const socket = await alice.connect(`${bob.ip}:9000`)
    socket.on('error', () => {}).resume()
    await sleep(Math.random() * 50)
    socket.resetAndDestroy()
    done.aborts += 1
  }
  const change = async (): Promise<void> => {
    await sleep(2_000)
    const policy = mesh.policy({ kind: 'AuthorizationPolicy', name: 'nobody', selector: { app: 'nobody' } })
    carol.update({ ready: false })
    await bob.sidecar.admin('POST /certificate/renew')
    await sleep(2_000)
    policy.remove()
    carol.update({ ready: true })
    await alice.sidecar.admin('POST /certificate/renew')
    done.changes += 6
  }
  const shortLived = async (): Promise<void> => {
    using ticks = new Ticks(await alice.connect(`${carol.ip}:9000`))
    await ticks.more(2)
    done.connections += 1
  }
  const tasks = [
    ...Array.from({ length: 4 }, () => again('by service', () => ask(alice, `${service.ip}:80`))),
    again('into the mesh', () => ask(outsider, `${bob.ip}:7000`)),
    again('out of the mesh', () => ask(carol, `${outsider.ip}:7000`)),
    again('large', exchange),
    again('abort', abort),
    again('short-lived', shortLived),
    again('change', change),
  ]
  // Every third round its control plane goes without a word; renewals of that round may fail, connections may not.
  if (round % 3 === 2) {
    await sleep(seconds * 200)
    await mesh.controlPlane.kill()
    await sleep(500)
    await mesh.controlPlane.start()
    done.restarts += 1
  }
  await Promise.all(tasks)
  const expected = (failure: string): boolean => round % 3 === 2 && failure.startsWith('change:')
  return { ...done, failures: done.failures.filter((failure) => !expected(failure)) }
}
