// Answers /fail with 500, and everything else with 200.
import { createServer } from 'node:http'

const port = Number(process.argv[2] ?? 8080)

createServer(({ url }, response) => {
  response.writeHead(url === '/fail' ? 500 : 200).end()
}).listen(port, () => console.log(`listening on ${port}`))
