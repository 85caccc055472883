import { type ChannelCredentials, Client, Metadata } from '@grpc/grpc-js'
import { typeUrls } from '#control-plane/model/type-urls.ts'
import { request } from '#control-plane/push/testing/requests.ts'
import { AggregatedDiscoveryServiceService } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { type ReadResponse, readResponse } from './read-response.ts'

export interface SimulatedSidecarOptions {
  readonly port: number
  readonly credentials: ChannelCredentials
  /** `namespace/name`, which is its token as well. */
  readonly pod: string
  /** Told the names of each response's addresses. */
  readonly received: (names: readonly string[]) => void
  /** Told when the stream ends, which no sidecar asks for. */
  readonly ended: (error: Error) => void
}

/** Everything of a sidecar that a control plane meets: a connection of its own, four subscriptions, an answer to each response. */
export function simulateSidecar({ port, credentials, pod, received, ended }: SimulatedSidecarOptions): void {
  const client = new Client(`127.0.0.1:${port}`, credentials, channelOptions)
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${pod}`)
  const { path } = AggregatedDiscoveryServiceService.deltaAggregatedResources
  const call = client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, readResponse, metadata)
  call.on('data', ({ typeUrl, nonce, names }: ReadResponse) => {
    if (typeUrl === typeUrls.address) received(names)
    call.write(request({ typeUrl, responseNonce: nonce }))
  })
  call.on('error', (error: Error) => ended(error))
  call.on('end', () => ended(new Error(`the stream of ${pod} ended`)))
  for (const typeUrl of Object.values(typeUrls)) call.write(request({ typeUrl }))
}

const serverName = 'weft-control-plane.weft-system.svc'

const channelOptions = {
  'grpc.ssl_target_name_override': serverName,
  'grpc.default_authority': serverName,
  // Otherwise all sidecars of a process would share one connection.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
}
