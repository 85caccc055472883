// Kept-open connections at a constant arrival rate; only what begins after the warm-up counts.
import exec from 'k6/execution'
import http from 'k6/http'

const { TARGET, RATE, CONNECTIONS, WARM_UP, DURATION } = __ENV
const warmUp = Number(WARM_UP) * 1000
const expected = Number(RATE) * Number(DURATION)
const percentiles = [1, 5, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 97.5, 99, 99.5, 99.9]

export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: Number(RATE),
      timeUnit: '1s',
      duration: `${Number(WARM_UP) + Number(DURATION)}s`,
      preAllocatedVUs: Number(CONNECTIONS),
      maxVUs: Number(CONNECTIONS),
      gracefulStop: '2s',
    },
  },
  thresholds: {
    'http_req_duration{phase:measured}': ['p(99)<1000'],
    'http_req_failed{phase:measured}': ['rate==0'],
    'http_reqs{phase:measured}': [`count>=${Math.floor(expected * 0.99)}`],
  },
  discardResponseBodies: true,
  summaryTrendStats: ['min', 'avg', 'max', ...percentiles.map((percentile) => `p(${percentile})`)],
  systemTags: [],
}

const phases = [{ tags: { phase: 'warm-up' } }, { tags: { phase: 'measured' } }]

export default function () {
  http.get(TARGET, phases[exec.instance.currentTestRunDuration < warmUp ? 0 : 1])
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) }
}
