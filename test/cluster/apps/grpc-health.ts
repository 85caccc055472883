// Answers the health check of gRPC with SERVING for the service `shop`, and with NOT_FOUND for any other.
import { createServer } from 'node:http2'

const port = Number(process.argv[2] ?? 8080)

/** A message that is not compressed: the field 1, status, is 1, SERVING. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 1])
const notFound = '5'

const server = createServer()
server.on('stream', (stream) => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.once('end', () => {
    const known = Buffer.concat(chunks).subarray(7).toString() === 'shop'
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : notFound }))
    stream.end(known ? serving : undefined)
  })
})
server.listen(port, () => console.log(`listening on ${port}`))
