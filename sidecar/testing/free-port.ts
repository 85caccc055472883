import { createServer } from 'node:net'
import { portOf } from './sockets.ts'

/** A port that nobody listens on now, in either family. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '::', resolve))
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
