// Answers over TLS with the certificate of /certificate: a review of admission with a denial that says why, and whatever
// else with who asked.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const read = (name: string): Buffer => readFileSync(`/certificate/${name}`)

createServer({ cert: read('tls.crt'), key: read('tls.key') }, (request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.once('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body === '' ? { peer: request.socket.remoteAddress } : denial(body)))
  })
}).listen(8443, () => console.log('listening on 8443'))

function denial(review: string): object {
  const { request } = JSON.parse(review) as { request: { uid: string } }
  const status = { message: 'the webhook in the mesh was asked' }
  const response = { uid: request.uid, allowed: false, status }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}
