import { type Patience, until } from '../../harness/until.ts'
import { kubectl, read } from './kubectl.ts'
import { PortForward } from './port-forward.ts'
import { Running } from './running.ts'

/** One line that a sidecar wrote of a connection. */
export interface Connection {
  readonly direction: 'inbound' | 'outbound'
  readonly outcome: string
  readonly destination: string
  readonly endpoint?: string
  readonly security?: 'mutual_tls' | 'none'
  readonly peer?: string
  readonly source?: string
  readonly reason?: string
}

/** What came of a request out of a pod. */
export interface Answer {
  readonly status?: number
  readonly body?: string
  /** Why there is no status, e.g. `ECONNRESET`. */
  readonly error?: string
  /** From before the dial until the answer was whole. */
  readonly milliseconds: number
}

/** A running pod. */
export class Pod {
  readonly namespace: string
  readonly name: string
  /** The first of its addresses, which is IPv4 wherever pods have one. */
  readonly ip: string
  /** Undefined where pods have none. */
  readonly ipv6: string | undefined
  /** The name of the node that it runs on. */
  readonly node: string

  constructor(namespace: string, name: string, { ips, node }: { ips: readonly string[]; node: string }) {
    this.namespace = namespace
    this.name = name
    this.ip = ips[0]!
    this.ipv6 = ips.find((ip) => ip.includes(':'))
    this.node = node
  }

  /** Runs a command in the application's container; answers its standard output. */
  async exec(...command: readonly string[]): Promise<string> {
    return await kubectl(['exec', this.name, '-c', 'app', '--', ...command], { namespace: this.namespace })
  }

  /** Starts an application of /apps in this pod beside what runs there. */
  start(app: string, ...args: readonly string[]): Running {
    return new Running(this.namespace, this.name, ['node', `/apps/${app}`, ...args])
  }

  /** A GET out of this pod, from a new connection. */
  async fetch(url: string, timeout = 3_000): Promise<Answer> {
    return JSON.parse(await this.exec('node', '/apps/request.ts', url, String(timeout))) as Answer
  }

  /** Asks again until the answer is as wanted; for what takes effect a moment later. */
  async fetchUntil(
    url: string,
    wanted: (answer: Answer) => boolean,
    patience: Patience = {},
  ): Promise<Answer> {
    let last: Answer | undefined
    try {
      return await until(
        `another answer of ${url}`,
        async () => {
          last = await this.fetch(url)
          return wanted(last) && last
        },
        patience,
      )
    } catch (error) {
      throw new Error(`${(error as Error).message}; the last was ${JSON.stringify(last)}`, { cause: error })
    }
  }

  /** What a server at this address and port says unasked. */
  async greeting(address: string): Promise<{ readonly greeting: string; readonly milliseconds: number }> {
    const [host, port] = address.split(':')
    return JSON.parse(await this.exec('node', '/apps/greeting.ts', host!, port!))
  }

  /** Does something with a port of this pod's, through `kubectl port-forward`. */
  async forwarded<T>(port: number, use: (url: string) => Promise<T>): Promise<T> {
    await using forward = await PortForward.open(this.namespace, this.name, port)
    return await use(forward.url)
  }

  /** How often the application's container was started again. */
  async restarts(): Promise<number> {
    const { status } = await read<{ status: { containerStatuses: { restartCount: number }[] } }>(
      ['pod', this.name],
      {
        namespace: this.namespace,
      },
    )
    return status.containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0)
  }

  /** What the sidecar wrote of its connections so far, the newest last. */
  async connections(): Promise<Connection[]> {
    const log = await kubectl(['logs', this.name, '-c', 'weft-proxy'], { namespace: this.namespace })
    const lines = log.split('\n').filter((line) => line.startsWith('{'))
    return lines
      .map((line) => JSON.parse(line) as Connection & { message: string })
      .filter(({ message }) => message === 'connection')
  }

  /** Waits for the record of a connection that has all of this. */
  async connection(wanted: Partial<Connection>): Promise<Connection> {
    let seen: Connection[] = []
    try {
      return await until(`a connection ${JSON.stringify(wanted)} of ${this.name}`, async () => {
        seen = await this.connections()
        return seen.findLast((one) =>
          Object.entries(wanted).every(([key, value]) => one[key as keyof Connection] === value),
        )
      })
    } catch (error) {
      throw new Error(`${(error as Error).message}; there were ${JSON.stringify(seen.slice(-5), null, 1)}`, {
        cause: error,
      })
    }
  }

  /** The value of a metric of the sidecar; undefined when it has none with these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${this.name}:15020/proxy/metrics`
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const lines = (await kubectl(['get', '--raw', path])).split('\n')
    const values = lines
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((label) => line.includes(label)))
      .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
  }
}
