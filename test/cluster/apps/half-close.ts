// Says something, ends its half at once, and tells what came back and how that ended: `half-close.ts HOST PORT BYTES`.
import { connect } from 'node:net'

const [host, port, bytes] = process.argv.slice(2)
const socket = connect({ host: host!, port: Number(port), allowHalfOpen: true })
let received = 0
socket.on('data', (data: Buffer) => (received += data.length))
socket.once('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message))
socket.once('end', () => tell('FIN'))
socket.setTimeout(10_000, () => tell('silence'))
socket.end(Buffer.alloc(Number(bytes), 'x'))

function tell(end: string): void {
  console.log(JSON.stringify({ received, end }))
  process.exit()
}
