// Answers every request with what it saw of it, as JSON.
import { createServer } from 'node:http'
import { flags } from './flags.ts'

const { port, host, name } = flags()

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
  request.on('end', () => {
    const { method, url, headers, socket } = request
    response.setHeader('content-type', 'application/json')
    response.end(`${JSON.stringify({ name, method, url, headers, body, peer: socket.remoteAddress })}\n`)
  })
})
server.listen(port, host, () => console.log(`listening on ${host}:${port}`))
