import { parseSocketAddress } from '#mesh/address.ts'
import type { Workload } from '#test/harness/workload.ts'

export interface BulkLoad {
  /** `ip:port`. */
  readonly target: string
  readonly streams: number
  /** Seconds. */
  readonly duration: number
  /** Seen from the client. */
  readonly direction: 'upload' | 'download'
}

export interface BulkResult {
  readonly bytes: number
  readonly bytesPerSecond: number
}

/** Runs iperf3 in one direction; what counts is what arrived. */
export async function bulkLoad(client: Workload, load: BulkLoad): Promise<BulkResult> {
  const { ip, port } = parseSocketAddress(load.target)!
  const { streams, duration, direction } = load
  const command = ['iperf3', '--client', ip, '--port', `${port}`, '--json']
  const shape = ['--time', `${duration}`, '--parallel', `${streams}`]
  const reverse = direction === 'download' ? ['--reverse'] : []
  // It answers errors in its JSON as well, with a status other than 0.
  const { stdout, stderr } = await client.attempt([...command, ...shape, ...reverse], {
    timeout: (duration + 20) * 1_000,
  })
  return parseIperf(stdout || stderr)
}

export function parseIperf(text: string): BulkResult {
  const report = parseJson(text)
  if (report?.error !== undefined) throw new Error(`iperf3: ${report.error}`)
  const received = report?.end?.sum_received
  if (!received) throw new Error(`iperf3 wrote no result: ${text.slice(0, 500)}`)
  return { bytes: received.bytes, bytesPerSecond: received.bits_per_second / 8 }
}

interface IperfReport {
  readonly error?: string
  readonly end?: { readonly sum_received?: { readonly bytes: number; readonly bits_per_second: number } }
}

function parseJson(text: string): IperfReport | undefined {
  try {
    return JSON.parse(text) as IperfReport
  } catch {
    return undefined
  }
}
