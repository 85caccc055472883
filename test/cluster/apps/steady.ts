// Asks a URL twice a second, each time over a connection of its own, for as long as it lives; whoever asks it on 8080 is
// told what came of it so far, as JSON: `steady.ts URL`.
import { createServer, get } from 'node:http'

const url = process.argv[2]!
const failures: string[] = []
let good = 0
setInterval(() => {
  const failed = (why: string) => failures.push(`${new Date().toISOString()} ${why}`)
  const request = get(url, { agent: false, timeout: 5_000 }, (response) => {
    response
      .resume()
      .once('end', () => (response.statusCode === 200 ? (good += 1) : failed(`${response.statusCode}`)))
    response.once('error', (error) => failed(error.message))
  })
  request.once('timeout', () => request.destroy(new Error('no answer in 5 s')))
  request.once('error', (error) => failed(error.message))
}, 500)

createServer((_, response) => response.end(JSON.stringify({ good, failures }))).listen(8080)
