// Makes one GET over TLS of its own, verified by a root, and prints what came of it: `https-request.ts URL NAME ROOT_PEM`.
import { get } from 'node:https'
import type { TLSSocket } from 'node:tls'

const [url, servername, ca] = process.argv.slice(2)
const request = get(url!, { agent: false, servername, ca, timeout: 5_000 }, (response) => {
  const socket = response.socket as TLSSocket
  const { fingerprint256 } = socket.getPeerCertificate()
  const { statusCode: status } = response
  response.resume().once('end', () => tell({ status, protocol: socket.getProtocol(), fingerprint256 }))
})
request.once('timeout', () => request.destroy(new Error('no answer')))
request.once('error', (error: NodeJS.ErrnoException) => tell({ error: error.code ?? error.message }))

function tell(answer: object): void {
  console.log(JSON.stringify(answer))
  process.exit()
}
