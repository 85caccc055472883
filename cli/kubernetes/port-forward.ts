import { Duplex, PassThrough, Writable } from 'node:stream'
import type { KubeConfig } from '@kubernetes/client-node'

export interface PodPort {
  readonly namespace: string
  readonly pod: string
  /** On the pod's loopback, as `kubectl port-forward` reaches it. */
  readonly port: number
}

/**
 * A connection to a port of a pod through the API server, which nobody else on this machine can use. Rejects when the API
 * server refuses; what the pod's node says is the stream's error.
 */
export async function openPodPort(config: KubeConfig, { namespace, pod, port }: PodPort): Promise<Duplex> {
  const { PortForward } = await import('@kubernetes/client-node')
  const toPod = new PassThrough()
  const stream = new Duplex({
    // What comes is a question's answer, which is wanted whole.
    read() {},
    write(chunk, _, done) {
      toPod.write(chunk, done)
    },
  })
  const arriving = sink((chunk) => stream.push(chunk))
  const complaints = sink((chunk) => stream.destroy(new Error(chunk.toString('utf8').trim())))
  try {
    const forward = new PortForward(config)
    const socket = await forward.portForward(namespace, pod, [port], arriving, complaints, toPod)
    // It is a function only where it is to try again.
    if (typeof socket === 'function') throw new Error('asked to try again, which it was not')
    socket.onclose = () => stream.push(null)
    return stream.once('close', () => socket.close())
  } catch (error) {
    throw new Error(whyRefused(error, `${namespace}/${pod}`), { cause: error })
  }
}

/** Takes chunks that say something: each direction begins with an empty one. */
function sink(take: (chunk: Buffer) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      if (chunk.length > 0) take(chunk)
      done()
    },
  })
}

/** What a WebSocket that did not come about was refused for. */
function whyRefused(error: unknown, pod: string): string {
  const { message = String(error) } = error as { readonly message?: string }
  const status = /^Unexpected server response: (\d+)$/.exec(message)?.[1]
  switch (status) {
    case '401':
    case '403':
      return 'you may not: have somebody grant you get and create of pods/portforward there'
    case '404':
      return `there is no pod ${pod}`
    default:
      return message
  }
}
