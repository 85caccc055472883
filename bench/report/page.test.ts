import { describe, expect, test } from 'vitest'
import { page } from './page.ts'
import { plots } from './plots.ts'
import { toRecords } from './records.ts'
import type { Run } from './run.ts'
import { invalidTurn, turn } from './testing/turns.ts'

const run: Run = {
  began: '2026-11-21T10:00:00.000Z',
  command: 'npm run bench -- --quick',
  machine: {
    processor: 'Abacus',
    processors: 2,
    memory: 8e9,
    kernel: '6.1',
    congestionControl: 'cubic',
    openFiles: 65_536,
  },
  load: 'k6 v2.2.0',
  rounds: 3,
  peers: [{ name: 'haproxy', version: 'HAProxy 2.6' }],
  leftOut: [{ name: 'ztunnel', reason: 'no binary was given' }],
  proofs: [{ peer: 'weft', groups: ['X25519MLKEM768'], evidence: 'a|b 1' }],
  measurements: [1, 2, 3].flatMap((round) => [
    turn('churn', 'direct', round, { perSecond: 17_000 }),
    turn('churn', 'weft', round, { perSecond: 6000 + round }),
    turn('churn', 'haproxy', round, { perSecond: 1000 + round }),
    turn('latency-200', 'direct', round, { p50Ms: 0.1, p99Ms: 1 }, { '50': 0.1, '99': 1 }),
    turn('latency-200', 'weft', round, { p50Ms: 0.5 + round / 100, p99Ms: 2 }, { '50': 0.5, '99': 2 }),
    turn('latency-200', 'haproxy', round, { p50Ms: 0.3 + round / 100, p99Ms: 2 }, { '50': 0.3, '99': 2 }),
  ]),
  partial: undefined,
}

describe('the page', () => {
  test('says who wins what, by how much, and where weft loses', () => {
    expect(paged(run)).toContain('Of 3 comparisons weft wins 1 and loses 1; in 1 ')
    expect(paged(run)).toContain(
      '| churn, per second | 6\u202f002 /s | haproxy (1\u202f002 /s, 5.99 times) |  |  |',
    )
    expect(section('Where weft loses')).toBe(
      '- latency-200, added p50: 0.420 ms against haproxy (0.220 ms, 1.91 times)',
    )
  })

  test('says what was left out, and how encryption was seen', () => {
    expect(paged(run)).toContain('- ztunnel was left out: no binary was given')
    expect(paged(run)).toContain('| weft | X25519MLKEM768 | a\\|b 1 |')
  })

  test('shows a plot only where it has one', () => {
    expect(paged(run)).toContain('![Latency at 200 requests a second](latency-200.svg)')
    expect(paged(run)).not.toContain('memory.svg')
  })

  test('names turns that did not count', () => {
    const measurements = [...run.measurements, invalidTurn('churn', 'weft', 4, '7 answers failed')]
    expect(paged({ ...run, measurements })).toContain('| churn | 4 | weft | 7 answers failed |')
  })

  test('of a partial run says so before anything else', () => {
    const [, second] = paged({ ...run, partial: 'it was interrupted' }).split('\n\n')
    expect(second).toMatch(/^\*\*This run is partial: it was interrupted\.\*\*/)
    expect(paged(run)).not.toContain('partial')
  })
})

function paged(run: Run): string {
  const records = toRecords(run.measurements)
  return page(run, records, plots(records, run.measurements))
}

function section(heading: string): string {
  return paged(run).split(`## ${heading}\n\n`)[1]!.split('\n\n##')[0]!
}
