// Opens connections, each with one byte there and back, says when all are open, and keeps them until it is ended.
import { once } from 'node:events'
import { connect } from 'node:net'

const [host, port, count] = process.argv.slice(2)
const abreast = 32
const sockets: unknown[] = []
let left = Number(count)

async function open(): Promise<void> {
  while (left-- > 0) {
    const socket = connect({ host: host!, port: Number(port) })
    socket.on('error', fail).on('close', () => fail(new Error('a connection was closed')))
    socket.write('.')
    await once(socket, 'data')
    sockets.push(socket)
  }
}

function fail(error: Error): void {
  process.stderr.write(`connection ${sockets.length + 1}: ${error.message}\n`)
  process.exit(1)
}

await Promise.all(Array.from({ length: abreast }, open))
process.stdout.write('open\n')
