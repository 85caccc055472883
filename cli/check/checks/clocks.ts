import type { Facts } from '../facts.ts'
import { type Finding, ok } from '../finding.ts'

/** Certificates are dated back by a minute, so that clocks may differ by as much. */
const tolerated = 60_000
/** Kubelets renew their leases every 10 s; a lag of less cannot be told from a renewal that is about to come. */
const leaseInterval = 15_000

/** Clocks that differ by more than certificates allow for. */
export function checkClocks({ server, nodes }: Facts): Finding[] {
  const findings: Finding[] = []
  const { clock } = server
  const machine = clock.server === undefined ? 0 : clock.here - clock.server
  if (Math.abs(machine) > tolerated) {
    findings.push({
      check: 'clocks',
      level: 'warning',
      message: `this machine's clock is ${seconds(machine)} of the API server's`,
      remedy: 'what is said here about the age of certificates is off by as much; synchronise it (NTP)',
    })
  }
  for (const { name, clockAhead } of nodes.kind === 'seen' ? nodes.value : []) {
    if (clockAhead === undefined || (clockAhead <= tolerated && clockAhead >= -tolerated - leaseInterval))
      continue
    findings.push({
      check: 'clocks',
      level: 'problem',
      message: `the clock of node ${name} is ${seconds(clockAhead)} of the API server's, or its kubelet is away`,
      remedy: 'sidecars there refuse certificates that are not valid yet, or no more: synchronise it (NTP)',
    })
  }
  return findings.length > 0 ? findings : [ok('clocks', 'none is off by more than a minute')]
}

function seconds(milliseconds: number): string {
  const whole = Math.round(Math.abs(milliseconds) / 1_000)
  return `${whole} s ${milliseconds > 0 ? 'ahead' : 'behind'}`
}
