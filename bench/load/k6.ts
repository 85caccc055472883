import type { Workload } from '#test/harness/workload.ts'

export interface SteadyLoad {
  /** Path of k6 where the pods' users may run it. */
  readonly k6: string
  readonly url: string
  /** Requests a second. */
  readonly rate: number
  readonly connections: number
  /** Seconds. */
  readonly warmUp: number
  /** Seconds. */
  readonly duration: number
}

export interface SteadyResult {
  /** Milliseconds by percentile, e.g. `50` and `99.9`, of the requests after the warm-up. */
  readonly percentiles: Readonly<Record<string, number>>
  /** Those after the warm-up. */
  readonly measured: number
  /** Warm-up included. */
  readonly requests: number
  readonly failed: number
  /** Requests that could not begin in time, because every connection was waiting. */
  readonly dropped: number
}

/** Runs k6 at a constant arrival rate; rejects when it cannot run, not when its thresholds fail. */
export async function steadyLoad(client: Workload, load: SteadyLoad): Promise<SteadyResult> {
  const settings = {
    TARGET: load.url,
    RATE: load.rate,
    CONNECTIONS: load.connections,
    WARM_UP: load.warmUp,
    DURATION: load.duration,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const command = [load.k6, 'run', '--quiet', '--no-color', '--no-usage-report', '--address', '', ...flags]
  const { code, stdout, stderr } = await client.attempt([...command, '/checkout/bench/load/steady.js'], {
    timeout: (load.warmUp + load.duration + 30) * 1_000,
    env: { ...quietly },
  })
  const thresholdsFailed = 99
  if (code !== 0 && code !== thresholdsFailed) throw new Error(`k6 ended with ${code}: ${stderr || stdout}`)
  return parseSummary(stdout)
}

/** What it does for itself must not be taken for the peer's latency: no collection in so short a run, and one processor. */
const quietly = {
  GOGC: 'off',
  GOMEMLIMIT: '2GiB',
  GOMAXPROCS: '1',
  K6_AUTO_EXTENSION_RESOLUTION: 'false',
} as const

interface K6Metric {
  readonly values: Readonly<Record<string, number>>
}

/** Reads what `steady.js` wrote. */
export function parseSummary(stdout: string): SteadyResult {
  const line = stdout.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(`k6 wrote no summary: ${stdout.slice(0, 500)}`)
  const metrics = JSON.parse(line) as Readonly<Record<string, K6Metric>>
  const value = (metric: string, name: string) => metrics[metric]?.values[name]
  const durations = metrics['http_req_duration{phase:measured}']?.values ?? {}
  const percentiles = Object.entries(durations).flatMap(([name, milliseconds]) => {
    const percentile = /^p\((.+)\)$/.exec(name)?.[1]
    return percentile === undefined ? [] : [[percentile, milliseconds] as const]
  })
  return {
    percentiles: Object.fromEntries(percentiles),
    measured: value('http_reqs{phase:measured}', 'count') ?? 0,
    requests: value('http_reqs', 'count') ?? 0,
    // A rate metric counts its `true` samples as passes: here, the requests that failed.
    failed: value('http_req_failed', 'passes') ?? 0,
    dropped: value('dropped_iterations', 'count') ?? 0,
  }
}
