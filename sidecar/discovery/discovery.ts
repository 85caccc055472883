import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { IpAddress } from '#mesh/address.ts'
import {
  AggregatedDiscoveryServiceClient,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '#proto/envoy/service/discovery/v3/discovery.ts'
import { Backoff } from '#runtime/backoff.ts'
import type { ControlChannel } from '#runtime/control-channel.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import type { RootsInUse } from '../tunnel/roots-in-use.ts'
import type { View } from '../view/view.ts'
import type { DiscoveryMetrics } from './metrics.ts'
import { Questions } from './questions.ts'
import { decodeResponse, type TypeUrl, typeUrls } from './resources.ts'

export interface DiscoveryOptions {
  readonly channel: ControlChannel
  readonly view: View
  /** `node` of the first request: this pod's own Workload name, and its cluster. */
  readonly node: { readonly id: string; readonly clusterId: string }
  readonly trustDomain: string
  readonly log: Log
  readonly metrics: DiscoveryMetrics
  /** Milliseconds until the first response of a stream; 20 s by default. */
  readonly patience?: number
}

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>

/** Far above what a control plane takes, which answers a new stream even when it has nothing to say. */
const defaultPatience = 20_000

/** Keeps the view up to date over one delta xDS stream, opened again with backoff for as long as the process lives. */
export class Discovery {
  readonly #options: DiscoveryOptions
  /** What the view holds, by type: name to version. Told to the control plane when the stream is opened again. */
  readonly #versions: Readonly<Record<TypeUrl, Map<string, string>>>
  readonly #questions = new Questions()
  #stream: Stream | undefined
  #abandon: (() => void) | undefined
  #connected = false
  #inStep = false
  #roots: RootsInUse | undefined
  #saidFull = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
    options.channel.onAbandoned(() => this.#abandon?.())
    this.#versions = {
      [typeUrls.settings]: new Map(),
      [typeUrls.trust]: new Map(),
      [typeUrls.authorization]: new Map(),
      [typeUrls.address]: new Map(),
    }
  }

  /** Whether the control plane has said something on the stream that is open now. */
  get connected(): boolean {
    return this.#connected
  }

  /**
   * Whether this stream has brought the view what changed of workloads while there was none: the control plane says so
   * also when nothing did. Of a difference beyond one response this is the first part.
   */
  get inStep(): boolean {
    return this.#inStep
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minimum: 200, maximum: 5_000 })
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => backoff.reset())
        if (!signal.aborted) this.#options.log.info('the control plane ended the stream')
      } catch (error) {
        if (!signal.aborted) {
          const told = this.#options.channel.explain(error)
          this.#options.log.warn('the control plane cannot be reached', { error: told })
        }
      }
      await sleep(backoff.next(), signal)
    }
  }

  /**
   * Asks whether anybody has this address. Resolves once the answer is in the view, or after a second without one;
   * the question stays for the life of the process, so that what changes later is told too. Beyond 5 000 questions
   * nothing new is asked, and it resolves at once.
   */
  async ask(ip: IpAddress, signal: AbortSignal): Promise<void> {
    const name = `${this.#options.view.current().settings.network}/${ip}`
    const asked = this.#questions.ask(name)
    if (!asked) return this.#unasked(ip)
    this.#options.metrics.questions.set(this.#questions.size)
    if (asked.isNew) this.#send({ typeUrl: typeUrls.address, resourceNamesSubscribe: [name] })
    await asked.question.answer(1_000, signal)
  }

  /**
   * Tells the control plane which roots this sidecar depends on, unless it knows: a root goes only when nobody does any
   * longer.
   */
  reportRoots(roots: RootsInUse): void {
    if (JSON.stringify(roots) === JSON.stringify(this.#roots)) return
    this.#roots = roots
    this.#send({ node: this.#node(), typeUrl: typeUrls.trust })
  }

  async #follow(signal: AbortSignal, progressed: () => void): Promise<void> {
    const { client, metadata } = await this.#options.channel.open(AggregatedDiscoveryServiceClient)
    // A signal that aborted meanwhile would not cancel the stream that is opened after it.
    if (signal.aborted) return
    const stream = client.deltaAggregatedResources(metadata)
    const cancel = (): void => stream.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    const { patience = defaultPatience } = this.#options
    let limit: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        limit = setTimeout(() => reject(new Error(`no answer within ${patience / 1_000} s`)), patience)
        this.#abandon = () =>
          reject(new Error('a root left the trust bundle: it is dialled and verified anew'))
        stream.on('error', reject)
        stream.on('end', resolve)
        stream.on('data', (response: DeltaDiscoveryResponse) => {
          clearTimeout(limit)
          progressed()
          this.#setConnected(true)
          this.#receive(response)
        })
        this.#stream = stream
        this.#subscribe()
      })
    } finally {
      clearTimeout(limit)
      this.#stream = undefined
      this.#abandon = undefined
      this.#setConnected(false)
      signal.removeEventListener('abort', cancel)
      stream.cancel()
    }
  }

  #unasked(ip: IpAddress): void {
    this.#options.metrics.unasked.inc()
    if (this.#saidFull) return
    this.#saidFull = true
    this.#options.log.error(
      'too many unknown addresses were dialled; from now on new ones are refused unasked',
      {
        ip,
        asked: this.#questions.size,
      },
    )
  }

  #setConnected(connected: boolean): void {
    this.#connected = connected
    if (!connected) this.#inStep = false
    this.#options.metrics.connected.set(connected ? 1 : 0)
  }

  #subscribe(): void {
    const node = this.#node()
    for (const typeUrl of Object.values(typeUrls)) {
      const asked = typeUrl === typeUrls.address ? this.#questions.names() : []
      this.#send({
        node,
        typeUrl,
        // With names of its own a first request is no wildcard any more, unless it says so.
        resourceNamesSubscribe: asked.length > 0 ? ['*', ...asked] : [],
        initialResourceVersions: this.#versions[typeUrl],
      })
    }
  }

  #node() {
    const { id, clusterId } = this.#options.node
    const roots = this.#roots && {
      WEFT_CERTIFICATE_ROOT: this.#roots.certificate,
      WEFT_TUNNEL_ROOTS: this.#roots.tunnels,
    }
    return { id, cluster: clusterId, metadata: { CLUSTER_ID: clusterId, ...roots } }
  }

  #receive(response: DeltaDiscoveryResponse): void {
    const { view, trustDomain, log, metrics } = this.#options
    const decoded = decodeResponse(response, trustDomain)
    const versions = this.#versions[response.typeUrl as TypeUrl]
    for (const name of response.removedResources) versions?.delete(name)
    for (const [name, version] of decoded.versions) versions?.set(name, version)
    view.apply(decoded.update)
    if (response.typeUrl === typeUrls.address) this.#inStep = true
    this.#questions.answered([...decoded.aliases, ...response.removedResources])
    metrics.responses.inc({ type: shortName(response.typeUrl) })
    if (decoded.refused.length === 0) {
      return this.#send({ typeUrl: response.typeUrl, responseNonce: response.nonce })
    }
    const message = decoded.refused.join('; ')
    log.error('configuration was refused; its last good version stays', {
      type: response.typeUrl,
      reasons: decoded.refused,
    })
    metrics.refused.inc({ type: shortName(response.typeUrl) }, decoded.refused.length)
    // 3 is INVALID_ARGUMENT of google.rpc.Code.
    this.#send({
      typeUrl: response.typeUrl,
      responseNonce: response.nonce,
      errorDetail: { code: 3, message },
    })
  }

  #send(request: Partial<DeltaDiscoveryRequest>): void {
    this.#stream?.write({
      node: undefined,
      typeUrl: '',
      resourceNamesSubscribe: [],
      resourceNamesUnsubscribe: [],
      initialResourceVersions: new Map(),
      responseNonce: '',
      errorDetail: undefined,
      ...request,
    })
  }
}

function shortName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1)
}
