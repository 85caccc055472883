// Answers over TLS with the certificate of /certificate: a review of admission with a denial that says why, and whatever
// else with who asked: the address, the name that its certificate has if it shows one, and the user that it asks for.
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'

const read = (name: string): Buffer => readFileSync(`/certificate/${name}`)

const settings = { cert: read('tls.crt'), key: read('tls.key'), requestCert: true, rejectUnauthorized: false }

createServer(settings, (request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.once('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body === '' ? asker(request) : denial(body)))
  })
}).listen(8443, () => console.log('listening on 8443'))

function asker({ headers, socket }: IncomingMessage): object {
  const { subject } = (socket as TLSSocket).getPeerCertificate()
  return { peer: socket.remoteAddress, certificate: subject?.CN, user: headers['x-remote-user'] }
}

function denial(review: string): object {
  const { request } = JSON.parse(review) as { request: { uid: string } }
  const status = { message: 'the webhook in the mesh was asked' }
  const response = { uid: request.uid, allowed: false, status }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}
