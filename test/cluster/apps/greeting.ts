// Dials without saying anything, and prints the first line that it hears as JSON: `greeting.ts HOST PORT`.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const [host, port] = process.argv.slice(2)
const began = Date.now()
const socket = connect(Number(port), host)
socket.setTimeout(10_000, () => socket.destroy(new Error('nothing was said')))
createInterface({ input: socket }).once('line', (greeting) => {
  console.log(JSON.stringify({ greeting, milliseconds: Date.now() - began }))
  socket.destroy()
})
