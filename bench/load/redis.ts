import { parseSocketAddress } from '#mesh/address.ts'
import type { Workload } from '#test/harness/workload.ts'

export interface RedisResult {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Runs redis-benchmark: each connection sends one GET and waits for its answer. */
export async function redisLoad(
  client: Workload,
  load: { readonly target: string; readonly connections: number; readonly requests: number },
): Promise<RedisResult> {
  const { ip, port } = parseSocketAddress(load.target)!
  const place = ['-h', ip, '-p', `${port}`]
  const shape = ['-P', '1', '-c', `${load.connections}`, '-n', `${load.requests}`, '-t', 'get', '--csv']
  return parseRedis(await client.run(['redis-benchmark', ...place, ...shape], { timeout: 120_000 }))
}

export function parseRedis(text: string): RedisResult {
  const rows = text.split('\n').map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')))
  const header = rows.find((cells) => cells[0] === 'test')
  const row = rows.find((cells) => cells[0] === 'GET')
  const cell = (name: string) => Number(row?.[header?.indexOf(name) ?? -1])
  const result = { perSecond: cell('rps'), p50: cell('p50_latency_ms'), p99: cell('p99_latency_ms') }
  if (Object.values(result).some(Number.isNaN)) throw new Error(`redis-benchmark wrote no result: ${text}`)
  return result
}
