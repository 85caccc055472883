import { table } from '../table.ts'
import { connections as answer, type Connections } from './answers.ts'
import { formatBytes, formatDuration } from './quantities.ts'
import type { Question } from './question.ts'
import { show } from './show.ts'

/** Shows who is connected through a sidecar; answers the exit status. */
export async function showConnections(question: Question): Promise<number> {
  return await show(question, { method: 'GET', path: '/connections', answer, describe })
}

function describe(connections: Connections): string {
  if (connections.length === 0) return 'nobody is connected'
  return table(
    ['ID', 'DIRECTION', 'FROM', 'TO', 'ENDPOINT', 'SECURITY', 'PEER', 'SENT', 'RECEIVED', 'AGE'],
    connections.map((connection) => [
      String(connection.id),
      connection.direction,
      connection.sourceWorkload ?? connection.source,
      connection.destination ?? '-',
      connection.destinationWorkload ?? connection.endpoint ?? '-',
      connection.security === 'mutual_tls' ? 'mutual TLS' : connection.security,
      connection.peer ?? '-',
      formatBytes(connection.sentBytes),
      formatBytes(connection.receivedBytes),
      formatDuration(connection.durationMs / 1_000),
    ]),
  )
}
