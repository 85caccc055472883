// Accepts connections, answers the first byte of each with the same, and keeps them open.
import { createServer } from 'node:net'

const port = Number(process.argv[2])

createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', (bytes) => socket.write(bytes))
}).listen({ port, host: '0.0.0.0', backlog: 16_384 })
