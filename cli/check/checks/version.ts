import type { Facts } from '../facts.ts'
import { type Finding, ok } from '../finding.ts'
import { installing } from '../installing.ts'

/** The first minor in which native sidecars are on by default. */
const oldest = 29

export function checkVersion(facts: Facts): Finding[] {
  const { version, minor } = facts.server
  if (minor >= oldest) {
    const policies: Finding = {
      check: 'version',
      level: 'warning',
      message: `Kubernetes ${version} has no ValidatingAdmissionPolicy v1, which keeps applications off the sidecar's uid`,
      ...installing(
        facts,
        'install with it switched off, or upgrade to 1.30',
        ' --set admission.reserveUid=false',
      ),
    }
    return [ok('version', `Kubernetes ${version}`), ...(minor < 30 ? [policies] : [])]
  }
  return [
    {
      check: 'version',
      level: 'problem',
      message: `Kubernetes ${version} has no native sidecars, in which the proxy runs`,
      remedy: `upgrade to 1.${oldest} or newer`,
    },
  ]
}
