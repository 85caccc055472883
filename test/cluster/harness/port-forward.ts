import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnKubectl } from './kubectl.ts'

/** A port of a pod's on this machine's loopback, for as long as it is not disposed. */
export class PortForward implements AsyncDisposable {
  readonly url: string
  readonly #child: ReturnType<typeof spawnKubectl>

  private constructor(child: ReturnType<typeof spawnKubectl>, url: string) {
    this.#child = child
    this.url = url
  }

  static async open(namespace: string, pod: string, port: number): Promise<PortForward> {
    const child = spawnKubectl(['port-forward', `pod/${pod}`, `:${port}`], { namespace, timeout: 30_000 })
    for await (const line of createInterface({ input: child.stdout })) {
      const local = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (local !== undefined) return new PortForward(child, `http://127.0.0.1:${local}/`)
    }
    throw new Error(`kubectl port-forward of ${pod} ended`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close')
    this.#child.stdout.destroy()
    this.#child.kill('SIGKILL')
    await closed
  }
}
