import { createServer, type Socket } from 'node:net'
import { portOf, type Watched, watched } from './sockets.ts'

/** An application's end of a connection. */
export interface Served {
  readonly socket: Socket
  readonly heard: Watched
}

/** An application that listens on a loopback address and says nothing by itself. */
export interface Application extends AsyncDisposable {
  readonly port: number
  /** The n-th connection, counted from 0, as soon as it is there. */
  connection(n?: number): Promise<Served>
  readonly connections: readonly Served[]
}

export async function application(host = '127.0.0.1'): Promise<Application> {
  const connections: Served[] = []
  const waiting: (() => void)[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.push({ socket, heard: watched(socket.on('error', () => {})) })
    for (const wake of waiting.splice(0)) wake()
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: portOf(server),
    connections,
    async connection(n = 0) {
      for (;;) {
        const served = connections[n]
        if (served) return served
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of connections) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
