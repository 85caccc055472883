// Serves HTTP on 8080. Told to end, it goes on for six seconds, says farewell to a URL, and ends: `graceful.ts URL`.
import { createServer, get } from 'node:http'

const farewell = process.argv[2]!
createServer((_, response) => response.end('served')).listen(8080)
process.once('SIGTERM', () => {
  setTimeout(() => {
    get(farewell, { agent: false }, (response) => {
      response.resume().once('end', () => process.exit(response.statusCode === 200 ? 0 : 1))
    }).once('error', () => process.exit(1))
  }, 6_000)
})
