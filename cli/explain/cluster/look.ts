import {
  type ClusterReading,
  type ClusterSnapshot,
  clusterSnapshot,
} from '../../../control-plane/cluster-snapshot.ts'
import { Failure } from '../../failure.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { Progress } from './progress.ts'

/** Reads what the mesh of a cluster is made of; `namespace` is the control plane's. Throws a Failure that says why not. */
export async function look(connection: Connection, namespace: string): Promise<ClusterSnapshot> {
  using progress = new Progress(`weft explain: reading ${connection.context || connection.server}`)
  const reading = await read(connection, namespace, () => progress.add())
  switch (reading.kind) {
    case 'read':
      return reading
    case 'forbidden':
      throw failure([
        `you may not list ${reading.what.join(', ')}, and without that the answer could be wrong: have somebody bind ` +
          'you to ClusterRole weft-explain, which may list just what is needed',
      ])
    case 'not-installed':
      throw failure([
        `the cluster of context ${connection.context} has no weft: see weft check --pre, or choose another with --context`,
      ])
    case 'bad-settings':
      throw failure([
        ...reading.problems,
        `the control plane refuses these settings, and what it goes on with no object says: mend them first`,
      ])
  }
}

async function read(connection: Connection, namespace: string, seen: () => void): Promise<ClusterReading> {
  try {
    return await clusterSnapshot({ ask: (path) => connection.send('GET', path), namespace, seen })
  } catch (error) {
    if (error instanceof Error && error.name === 'ApiError') throw failure([error.message], error)
    throw error
  }
}

function failure(problems: readonly string[], cause?: unknown): Failure {
  return new Failure(problems.map((problem) => `weft explain: ${problem}`).join('\n'), { status: 2, cause })
}
