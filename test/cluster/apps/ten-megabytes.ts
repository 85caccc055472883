// Says ten million random bytes to who says them back, and tells what came of it: `ten-megabytes.ts HOST PORT`.
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'

const [host, port] = process.argv.slice(2)
const said = randomBytes(10_000_000)
const heard = createHash('sha256')
let bytes = 0
const socket = connect({ host: host!, port: Number(port), allowHalfOpen: true })
socket.on('data', (data: Buffer) => {
  bytes += data.length
  heard.update(data)
})
socket.once('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message))
socket.once('end', () => tell('FIN'))
socket.setTimeout(10_000, () => tell('silence'))
socket.end(said)

function tell(end: string): void {
  const same = heard.digest().equals(createHash('sha256').update(said).digest())
  console.log(JSON.stringify({ bytes, same, end }))
  process.exit()
}
