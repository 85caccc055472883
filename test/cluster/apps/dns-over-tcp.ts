// Asks a DNS server for an IPv4 address over TCP, and prints how many it answered: `dns-over-tcp.ts SERVER NAME`.
import { connect } from 'node:net'

const [server, name] = process.argv.slice(2)
const labels = name!
  .split('.')
  .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
const query = Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])])
const length = Buffer.alloc(2)
length.writeUInt16BE(query.length)

const socket = connect(53, server, () => socket.write(Buffer.concat([length, query])))
socket.setTimeout(3_000, () => socket.destroy(new Error('no answer')))
let answer = Buffer.alloc(0)
socket.on('data', (data: Buffer) => {
  answer = Buffer.concat([answer, data])
  if (answer.length < 2 || answer.length < 2 + answer.readUInt16BE(0)) return
  console.log(answer.readUInt16BE(2 + 6))
  socket.destroy()
})
