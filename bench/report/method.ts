import { isValid, type Measurement } from './measurement.ts'
import type { Run } from './run.ts'
import { table } from './table.ts'

/** What was seen before anything was timed. */
export function proofTable({ proofs }: Run): string {
  const rows = proofs.map(({ peer, groups, evidence }) => [peer, groups.join(', ') || 'none', evidence])
  const text =
    'Before anything was timed, every peer carried a marker that only the application knew while the network was ' +
    "captured. The capture had to hold it for the direct pair and must not hold it for any other; and each peer's own " +
    'word was asked for.'
  return `${text}\n\n${table(['peer', 'key exchange', 'evidence'], rows)}`
}

/** What each scenario does, and under which conditions. */
export function method({ machine, load }: Run): string {
  const held = machine.openFiles
  return [
    'Each peer has two pods, network namespaces on one bridge, with its proxies as one process each and one data thread',
    'each, and the same applications under another user: nginx (1 KB answers), iperf3, redis-server, and a program that',
    'holds connections. HAProxy stands behind the same redirection rules as weft; nginx cannot ask for an original',
    'destination, so its clients dial it. HAProxy and nginx may resume TLS sessions, which is their default. Access logs',
    'are off everywhere.',
    '',
    `- latency: ${load} at a constant arrival rate over kept-open connections, whose first seconds do not count.`,
    '- churn: wrk, 16 at a time, a new connection for every request.',
    '- bulk: iperf3 to the server and then from it; the mean of both directions.',
    '- redis: redis-benchmark, 16 connections, one request at a time on each: a closed loop.',
    '- memory: proxies that were just started and carried one request; RssAnon and Pss from /proc. This machine lets a',
    `  process open ${held} files, so where two for each of 10 000 connections are more, fewer were held, the same for all.`,
    '- cold-start: from starting the process (a few milliseconds of entering its namespace included) until ready.',
    '- cold-first-byte: from dialling an address that was never dialled before, through proxies that run, to the first',
    '  byte of the answer; the median of three.',
    '',
    `TCP congestion control in the pods: ${machine.congestionControl}. A round has one turn for each peer; every second`,
    'round goes in reverse. Processor time is what the scheduler accounts to all threads of a proxy.',
  ].join('\n')
}

/** The turns that did not count; empty when there were none. */
export function invalid(measurements: readonly Measurement[]): string {
  const broken = measurements.filter((one) => !isValid(one))
  if (broken.length === 0) return ''
  const rows = broken.map(({ scenario, round, peer, outcome }) => {
    return [scenario, `${round}`, peer, outcome.kind === 'invalid' ? outcome.problem : '']
  })
  return `## Turns that did not count\n\n${table(['scenario', 'round', 'peer', 'problem'], rows)}`
}
