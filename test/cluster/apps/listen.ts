// Holds one connection open, and tells when it began, how many lines came, and how it ended: `listen.ts HOST PORT`.
import { connect } from 'node:net'

const [host, port] = process.argv.slice(2)
const socket = connect(Number(port), host)
let lines = 0
socket.setEncoding('utf8').on('data', (text: string) => {
  if (lines === 0) console.log('open')
  lines += text.split('\n').length - 1
})
socket.once('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message))
socket.once('end', () => tell('FIN'))

function tell(end: string): void {
  console.log(JSON.stringify({ lines, end }))
  process.exit()
}
