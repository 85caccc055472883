import type { Workload } from './workload.ts'

export interface ChurnResult {
  readonly requests: number
  readonly perSecond: number
  /** Connections or answers that failed. */
  readonly failed: number
}

/** Runs wrk with a new connection for every request. */
export async function churnLoad(
  client: Workload,
  {
    url,
    connections,
    duration,
  }: { readonly url: string; readonly connections: number; readonly duration: number },
): Promise<ChurnResult> {
  const command = [
    'wrk',
    '-t',
    '1',
    '-c',
    `${connections}`,
    '-d',
    `${duration}s`,
    '-H',
    'Connection: close',
    url,
  ]
  return parseWrk(await client.run(command, { timeout: (duration + 30) * 1_000 }))
}

export function parseWrk(text: string): ChurnResult {
  const requests = /(\d+) requests in /.exec(text)?.[1]
  const perSecond = /Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]
  if (requests === undefined || perSecond === undefined) throw new Error(`wrk wrote no result: ${text}`)
  const errors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? '0'
  const failed = [...errors, refused].reduce((sum, count) => sum + Number(count), 0)
  return { requests: Number(requests), perSecond: Number(perSecond), failed }
}
