import { connect } from '../kubernetes/connection.ts'
import { type Output, print } from '../output.ts'
import { answerFrom } from './cluster/answer.ts'
import { describeAnswer } from './describe.ts'
import { answerDocument } from './document.ts'

export interface ClusterQuestion {
  /** Of the kubeconfig; its current one when undefined. */
  readonly context: string | undefined
  /** The control plane's own. */
  readonly meshNamespace: string
  /** Whether nobody said that it should be the cluster. */
  readonly unasked: boolean
  /** Whether the endpoints' sidecars are asked as well. */
  readonly verify: boolean
  /** Where names are looked up that say none; the context's when undefined. */
  readonly namespace?: string | undefined
  readonly source: string
  readonly destination: string
  readonly output: Output
}

/**
 * Answers, on what the objects of a cluster say, the exit status: 0 when the connection is allowed, 1 when not. Throws
 * a Failure for a bad question, and where the objects do not hold the answer.
 */
export async function explainCluster({
  context,
  meshNamespace,
  unasked,
  verify: verified,
  output,
  ...asked
}: ClusterQuestion): Promise<number> {
  const connection = await connect({ command: 'weft explain', context })
  if (unasked) {
    process.stderr.write(
      `weft explain: there is no registry file here: asking the cluster of context ${connection.context}\n`,
    )
  }
  const answer = await answerFrom(connection, { context, meshNamespace, verified }, asked)
  print(
    output,
    () => answerDocument(answer),
    () => describeAnswer(answer),
  )
  return answer.verdict === 'yes' ? 0 : 1
}
