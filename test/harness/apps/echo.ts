// Sends back every byte, and its FIN only after the other side's.
import { createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { flags } from './flags.ts'

const { port, host } = flags()

const server = createServer({ allowHalfOpen: true }, (socket) => {
  pipeline(socket, socket).catch(() => socket.destroy())
})
server.listen(port, host, () => console.log(`listening on ${host}:${port}`))
