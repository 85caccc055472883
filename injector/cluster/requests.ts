import {
  type ConfigurationOptions,
  Observable,
  type ObservableMiddleware,
  type ResponseContext,
} from '@kubernetes/client-node'
import { boundedText } from '#runtime/pages.ts'

/**
 * Bytes of one answer. One pod alone may take 3 MiB. A page takes several times its size while it is read, of 256 MiB that
 * have to do for the webhook too.
 */
const answerLimit = 4 * 1024 * 1024

/** Options of one request: it ends with the signal, and its answer is AnswerTooLarge beyond 4 MiB. */
export function until(signal: AbortSignal): ConfigurationOptions {
  // The client has no parameters for them, but lets one see each request before it is sent, and the answer before it is read.
  const bounded: ObservableMiddleware = {
    pre(request) {
      request.setSignal(signal)
      return new Observable(Promise.resolve(request))
    },
    post(response) {
      bound(response)
      return new Observable(Promise.resolve(response))
    },
  }
  return { middleware: [bounded], middlewareMergeStrategy: 'append' }
}

function bound({ body }: ResponseContext): void {
  const stream = body.stream()
  if (stream) body.text = () => boundedText(stream, answerLimit)
}
