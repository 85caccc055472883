// Makes one GET over a connection of its own, and prints what came of it as JSON: `request.ts URL MILLISECONDS`.
import { get } from 'node:http'

const [url, timeout] = process.argv.slice(2)
const began = Date.now()
const request = get(url!, { agent: false, timeout: Number(timeout) }, (response) => {
  let body = ''
  response.setEncoding('utf8').on('data', (text: string) => (body += text))
  response.once('end', () => tell({ status: response.statusCode, body }))
  response.once('error', failed)
})
request.once('timeout', () => request.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })))
request.once('error', failed)

function failed(error: NodeJS.ErrnoException): void {
  tell({ error: error.code ?? error.message })
}

function tell(answer: object): void {
  console.log(JSON.stringify({ ...answer, milliseconds: Date.now() - began }))
  process.exit()
}
