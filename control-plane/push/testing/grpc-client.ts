import { once } from 'node:events'
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import {
  AggregatedDiscoveryServiceService,
  type DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '#proto/envoy/service/discovery/v3/discovery.ts'
import { request } from './requests.ts'

export interface DiscoveryClientOptions {
  readonly port: number
  readonly credentials?: ChannelCredentials
  /** The name that the server's certificate must carry. */
  readonly serverName?: string
  readonly token?: string
}

/** A gRPC client of the discovery service that nothing here serves: it can also say what no client should. */
export class DiscoveryClient implements Disposable {
  readonly #client: Client
  readonly #call: ClientDuplexStream<Buffer, DeltaDiscoveryResponse>
  readonly #responses: DeltaDiscoveryResponse[] = []
  readonly #ended = Promise.withResolvers<ServiceError | undefined>()

  constructor({ port, serverName, token, ...options }: DiscoveryClientOptions) {
    const name = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }
    this.#client = new Client(`127.0.0.1:${port}`, options.credentials ?? credentials.createInsecure(), name)
    const metadata = new Metadata()
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    const { path } = AggregatedDiscoveryServiceService.deltaAggregatedResources
    this.#call = this.#client.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
      metadata,
    )
    this.#call.on('data', (response: DeltaDiscoveryResponse) => this.#responses.push(response))
    this.#call.on('error', (error: ServiceError) => this.#ended.resolve(error))
    this.#call.on('end', () => this.#ended.resolve(undefined))
  }

  /** Settles when the stream ends: with its error, or undefined for a good end. */
  get ended(): Promise<ServiceError | undefined> {
    return this.#ended.promise
  }

  send(parts: Partial<DeltaDiscoveryRequest>): void {
    this.#call.write(request(parts))
  }

  sendBytes(bytes: Buffer): void {
    this.#call.write(bytes)
  }

  /** The next response, unanswered. Rejects when the stream ends first. */
  async receive(): Promise<DeltaDiscoveryResponse> {
    while (this.#responses.length === 0) {
      const end = await Promise.race([once(this.#call, 'data').then(() => 'data' as const), this.ended])
      if (end !== 'data') throw end ?? new Error('the stream ended')
    }
    return this.#responses.shift()!
  }

  /** The next response, acknowledged. */
  async accept(): Promise<DeltaDiscoveryResponse> {
    const response = await this.receive()
    this.send({ typeUrl: response.typeUrl, responseNonce: response.nonce })
    return response
  }

  end(): void {
    this.#call.end()
  }

  [Symbol.dispose](): void {
    this.#call.cancel()
    this.#client.close()
  }
}
