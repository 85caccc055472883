import { once } from 'node:events'
import { until } from '../../harness/until.ts'
import { spawnKubectl } from './kubectl.ts'

/** A command that runs in a pod while a test goes on. */
export class Running implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawnKubectl>
  readonly #ended: Promise<unknown>
  #output = ''

  constructor(namespace: string, pod: string, command: readonly string[]) {
    this.#child = spawnKubectl(['exec', '-i', pod, '-c', 'app', '--', ...command], { namespace })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    this.#ended = once(this.#child, 'close')
  }

  /** Waits until it has printed this. */
  async printed(text: string): Promise<void> {
    await until(`the output ${text}`, () => this.#output.includes(text))
  }

  /** Tells it to come to an end. */
  end(): void {
    this.#child.stdin.end()
  }

  /** Waits for its end; answers the last line that it printed, as JSON. */
  async result<T>(): Promise<T> {
    await this.#ended
    return JSON.parse(this.#output.trim().split('\n').at(-1)!) as T
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
