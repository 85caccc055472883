// Sends a numbered line at an interval, for as long as the connection lives.
import { createServer } from 'node:net'
import { flags } from './flags.ts'
import { nextTick } from './tick.ts'

const { port, host, interval } = flags()

const server = createServer((socket) => {
  let last = { number: 0, checksum: 0 }
  const timer = setInterval(() => {
    last = nextTick(last)
    socket.write(`${last.number} ${last.checksum}\n`)
  }, interval)
  socket.on('error', () => {}).on('close', () => clearInterval(timer))
  socket.resume()
})
server.listen(port, host, () => console.log(`listening on ${host}:${port}`))
