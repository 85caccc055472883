// Speaks first, as mail and database servers do, and then repeats each line that it hears until `quit`.
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { flags } from './flags.ts'

const { port, host, name } = flags()

const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.write(`220 ${name} at your service\r\n`)
  createInterface({ input: socket }).on('line', (line) => {
    if (line === 'quit') socket.end('221 goodbye\r\n')
    else socket.write(`250 ${line}\r\n`)
  })
})
server.listen(port, host, () => console.log(`listening on ${host}:${port}`))
