import { formatDuration } from '../../proxy/quantities.ts'
import type { Facts } from '../facts.ts'
import { count, type Finding, ok, unseen } from '../finding.ts'

const check = 'certificates'
/** As the control plane's metric calls it. */
const pluggedCa = 'plugged_ca'
const day = 86_400_000
/** The control plane renews each long before these; less means that it does not. */
const limits: Readonly<Record<string, number>> = { root: 180 * day, issuer: 30 * day, serving: 3_600_000 }
/** What somebody plugged in: nobody but them renews it. */
const plugged = { warning: 30 * day, problem: 7 * day }

/** How long the certificates of the mesh still live. */
export function checkCertificates({ expiry, trustBundle, server, namespace }: Facts): Finding[] {
  const now = server.clock.server ?? server.clock.here
  return [...roots(), ...own()]

  function roots(): Finding[] {
    if (trustBundle.kind === 'hidden') return [unseen(check, 'the trust bundle', trustBundle.why)]
    if (
      trustBundle.kind === 'absent' ||
      trustBundle.value.roots.length + trustBundle.value.unreadable === 0
    ) {
      return [
        {
          check,
          level: 'problem',
          message: `there is no root in ConfigMap weft-trust-bundle of namespace ${namespace}, or no such ConfigMap: nobody can trust the mesh`,
          remedy: 'the control plane makes it; its log says why it does not',
          commands: [`kubectl -n ${namespace} logs deployment/weft-control-plane --tail=50`],
        },
      ]
    }
    const { roots, unreadable } = trustBundle.value
    const readable = roots.map(({ subject, notAfter }) => {
      const name = `root ${subject}`
      return isPlugged() ? judgedPlugged(name, notAfter) : judged('root', name, notAfter)
    })
    return unreadable === 0 ? readable : [garbled(unreadable), ...readable]
  }

  function garbled(unreadable: number): Finding {
    return {
      check,
      level: 'problem',
      message: `${count(unreadable, 'certificate')} in bundle.pem of ConfigMap ${namespace}/weft-trust-bundle cannot be read: somebody wrote over it`,
      remedy:
        'the control plane puts the right one back within seconds while it runs; its log says why it does not',
      commands: [`kubectl -n ${namespace} logs deployment/weft-control-plane --tail=50`],
    }
  }

  function own(): Finding[] {
    if (expiry.kind === 'hidden') return [unseen(check, 'the control plane’s certificates', expiry.why)]
    if (expiry.kind === 'absent') return []
    return [...expiry.value]
      .filter(([name]) => name !== 'root')
      .map(([name, notAfter]) =>
        name === pluggedCa
          ? judgedPlugged('certificate authority that is plugged in', notAfter)
          : judged(name, `${name} certificate`, notAfter),
      )
  }

  function judged(kind: string, name: string, notAfter: number): Finding {
    const left = notAfter - now
    const message = described(name, left)
    if (left > (limits[kind] ?? day)) return ok(check, message)
    return {
      check,
      level: left > 0 ? 'warning' : 'problem',
      message,
      remedy: 'the control plane should have renewed it; its log says why it did not',
      commands: [`kubectl -n ${namespace} logs deployment/weft-control-plane --tail=200`],
    }
  }

  function isPlugged(): boolean {
    return expiry.kind === 'seen' && expiry.value.has(pluggedCa)
  }

  function judgedPlugged(name: string, notAfter: number): Finding {
    const left = notAfter - now
    const message = described(name, left)
    if (left > plugged.warning) return ok(check, message)
    return {
      check,
      level: left > plugged.problem ? 'warning' : 'problem',
      message,
      remedy: 'put a new one into the Secret weft-ca; docs/plugged-ca.md says what belongs there',
      commands: [`kubectl -n ${namespace} get secret weft-ca`],
    }
  }
}

function described(name: string, left: number): string {
  return left > 0
    ? `the ${name} is good for another ${formatDuration(left / 1_000)}`
    : `the ${name} has expired`
}
