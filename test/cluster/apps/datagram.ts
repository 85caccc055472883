// Sends one datagram, and prints what came back: `datagram.ts HOST PORT`.
import { createSocket } from 'node:dgram'

const [host, port] = process.argv.slice(2)
const socket = createSocket('udp4')
const end = setTimeout(() => socket.close(), 5_000)
socket.once('message', (message) => {
  console.log(message.toString())
  clearTimeout(end)
  socket.close()
})
socket.send('over UDP', Number(port), host)
