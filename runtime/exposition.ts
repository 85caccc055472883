import type { Route } from './http.ts'
import { sleep } from './lifetime.ts'
import type { Registry } from './metrics.ts'

/** Milliseconds between renderings at least. */
const shortest = 100

/**
 * Answers with a registry's metrics as they are when it is asked. Whoever asks without end takes a tenth of the process's
 * time at most: while one rendering is under way, and for nine times as long, everybody else waits for the next, and has
 * the same bytes.
 */
export function exposition(registry: Registry): Route {
  let rest: Promise<unknown> = Promise.resolve()
  let next: Promise<Buffer> | undefined
  const render = async (): Promise<Buffer> => {
    await rest
    next = undefined
    const began = performance.now()
    const text = registry.metrics()
    const pause = () => sleep(Math.max(9 * (performance.now() - began), shortest))
    rest = text.then(pause, pause)
    return Buffer.from(await text)
  }
  return async () => {
    next ??= render()
    return { type: registry.contentType, body: await next }
  }
}
