import packageJson from '../../package.json' with { type: 'json' }
import { atContext } from '../kubernetes/command-line.ts'
import { connect } from '../kubernetes/connection.ts'
import { type Output, print } from '../output.ts'
import { checkInstallation, checkPrerequisites } from './checks.ts'
import { describe } from './describe.ts'
import { type Finding, isGood } from './finding.ts'
import { gather } from './gather.ts'
import { installCommand } from './installing.ts'

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
  const findings = (pre ? checkPrerequisites(facts) : checkInstallation(facts)).map((finding) =>
    withContext(finding, context),
  )
  const good = isGood(findings)
  print(
    output,
    () => ({ context: connection.context, server: connection.server, ok: good, findings }),
    () =>
      describe(findings, {
        good: pre
          ? `weft can be installed: ${atContext(installCommand(facts), context)}`
          : 'everything is in order',
      }),
  )
  return good ? 0 : 1
}

/** With commands that act on the cluster that was judged. */
function withContext({ commands, ...finding }: Finding, context: string | undefined): Finding {
  return commands === undefined
    ? finding
    : { ...finding, commands: commands.map((line) => atContext(line, context)) }
}
