import type { ClientHttp2Session } from 'node:http2'
import { formatSocketAddress } from '#mesh/address.ts'
import type { GrpcCall } from '#mesh/probes.ts'
import { type CallOutcome, failed, type TalkingOptions } from './call.ts'
import { encodeHealthRequest, isServing } from './health-message.ts'

/** Asks `grpc.health.v1.Health/Check` in plaintext, as the kubelet does. Good is an answer of SERVING. */
export async function callGrpc({ port, service }: GrpcCall, options: TalkingOptions): Promise<CallOutcome> {
  const { ip, signal, userAgent } = options
  if (signal.aborted) return failed(signal)
  // Most pods have no such probe, and need not hold what it takes.
  const { connect } = process.getBuiltinModule('node:http2')
  const session = connect(`http://${formatSocketAddress({ ip, port })}`)
  const abort = (): void => session.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return (await check(session, service, userAgent)) ? { kind: 'good' } : failed(signal)
  } catch {
    return failed(signal)
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
  }
}

/** More than any answer to a health check takes. */
const answerLimit = 4_096

function check(session: ClientHttp2Session, service: string, userAgent = ''): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  session.on('error', reject)
  session.on('close', () => reject(new Error('the session was closed')))
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': userAgent,
  })
  let status: unknown
  let answer = Buffer.alloc(0)
  stream.on('response', (headers) => {
    status = headers['grpc-status']
  })
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status']
  })
  stream.on('data', (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk])
    if (answer.length > answerLimit) stream.destroy(new Error('the answer is too long'))
  })
  stream.on('error', reject)
  stream.on('end', () => resolve(status === '0' && isServing(answer)))
  stream.end(encodeHealthRequest(service))
  return promise
}
