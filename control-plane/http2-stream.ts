import type { ServerHttp2Stream } from 'node:http2'

/**
 * The HTTP/2 stream that carries a call of grpc-js, which has no name for it: its own API neither says how much of a
 * message has come, nor ends a stream whose client goes on after the answer.
 */
export function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  return (call as { readonly call?: { readonly stream?: ServerHttp2Stream } }).call?.stream
}

/** An answer before the end of the request leaves the stream open, and in it what has come, for as long as the client likes. */
export function closeOnceAnswered(call: NodeJS.EventEmitter): void {
  // Told of every call that is over, once its status is out. A close without an error says that the answer is whole.
  call.once('cancelled', () => setImmediate(() => http2StreamOf(call)?.close()))
}
