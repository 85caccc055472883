import { ports, sidecarUid } from '#mesh/ports.ts'
import { parseRecord } from './control-plane.ts'
import { type HttpOptions, httpFrom } from './http.ts'
import type { Exit, RunningProcess } from './process.ts'
import { type Patience, until } from './until.ts'
import type { Standing } from './within.ts'

export type AccessRecord = Readonly<Record<string, unknown>>

/** A pod's running sidecar, as its operator sees it. */
export class Sidecar {
  readonly process: RunningProcess
  /** Inside the pod, where the admin endpoint is. */
  readonly #standing: Standing

  constructor(process: RunningProcess, namespace: string) {
    this.process = process
    this.#standing = { namespace, uid: sidecarUid }
  }

  /** Everything it logged, a record a line. */
  get log(): AccessRecord[] {
    return this.process.output.flatMap(parseRecord)
  }

  /** The connections it has told about, oldest first. */
  accessLog(): AccessRecord[] {
    return this.log.filter((record) => record['message'] === 'connection')
  }

  /** Resolves with the first access record that fits, as soon as there is one. */
  async access(
    what: string,
    fits: (record: AccessRecord) => boolean,
    patience?: Patience,
  ): Promise<AccessRecord> {
    try {
      return await until(`an access record: ${what}`, () => this.accessLog().find(fits), patience)
    } catch (cause) {
      throw new Error(`${(cause as Error).message}${this.process.lastLines()}`, { cause })
    }
  }

  /** The connections that are open now, as an access record each. */
  async connections(): Promise<AccessRecord[]> {
    return (await this.admin('GET /connections')) as AccessRecord[]
  }

  /** Asks the admin endpoint, e.g. `GET /connections`; parses a JSON answer, rejects on a status of 400 or more. */
  async admin(request: string, options: Pick<HttpOptions, 'body'> = {}): Promise<unknown> {
    const [method, path] = request.split(' ') as [string, string]
    const url = `http://127.0.0.1:${ports.admin}${path}`
    const { status, headers, body } = await httpFrom(this.#standing, url, { method, ...options })
    if (status >= 400) throw new Error(`${this.process.name}: ${request}: status ${status}: ${body}`)
    return headers['content-type']?.includes('json') ? JSON.parse(body) : body
  }

  /** Its metrics in Prometheus text. */
  async metrics(): Promise<string> {
    const { body } = await httpFrom(this.#standing, `http://127.0.0.1:${ports.metrics}/metrics`)
    return body
  }

  /** The sum of a metric's samples whose labels include all of these. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const samples = (await this.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((pair) => line.includes(pair)))
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal)
  }

  async stop(): Promise<Exit> {
    return await this.process.stop(30_000)
  }

  async kill(): Promise<Exit> {
    return await this.process.kill()
  }
}
