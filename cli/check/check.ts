import packageJson from '../../package.json' with { type: 'json' }
import { connect } from '../kubernetes/connection.ts'
import { type Output, print } from '../output.ts'
import { checkInstallation, checkPrerequisites } from './checks.ts'
import { describe } from './describe.ts'
import { isGood } from './finding.ts'
import { gather } from './gather.ts'

export interface CheckRequest {
  /** Only what must hold before weft is installed. */
  readonly pre: boolean
  readonly context: string | undefined
  readonly namespace: string
  readonly output: Output
}

/** Asks the cluster, judges, tells; answers the exit status. */
export async function check({ pre, context, namespace, output }: CheckRequest): Promise<number> {
  const connection = await connect({ command: 'weft check', context })
  const facts = await gather(connection, { version: packageJson.version, namespace, pre })
  const findings = pre ? checkPrerequisites(facts) : checkInstallation(facts)
  const good = isGood(findings)
  print(
    output,
    () => ({ context: connection.context, server: connection.server, ok: good, findings }),
    () => describe(findings, { pre }),
  )
  return good ? 0 : 1
}
