import { formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { httpFrom } from './http.ts'
import type { RunningProcess } from './process.ts'
import type { Standing } from './within.ts'

/**
 * Waits as a kubelet does, from outside the pod: the startup probe first, which only inbound redirection can answer since
 * nothing listens on its port, then readiness.
 */
export async function probeUntilReady(
  node: Standing,
  addresses: readonly IpAddress[],
  sidecar: RunningProcess,
): Promise<void> {
  for (const ip of addresses) await probe(node, ip, ports.canary, '/', 'the startup probe', sidecar)
  await probe(node, addresses[0]!, ports.readiness, '/ready', 'readiness', sidecar)
}

/** What a pod answered to one probe each; the error's message where it did not answer. */
export interface ProbeAnswers {
  readonly startup: string
  readonly readiness: string
}

/** Asks each probe once, e.g. for `503 waits for a certificate`. */
export async function probeOnce(node: Standing, ip: IpAddress): Promise<ProbeAnswers> {
  const ask = (port: number, path: string): Promise<string> =>
    httpFrom(node, `http://${formatSocketAddress({ ip, port })}${path}`, { timeout: 1_000 }).then(
      ({ status, body }) => `${status} ${body.trim()}`,
      (error: Error) => error.message,
    )
  return { startup: await ask(ports.canary, '/'), readiness: await ask(ports.readiness, '/ready') }
}

async function probe(
  node: Standing,
  ip: IpAddress,
  port: number,
  path: string,
  what: string,
  sidecar: RunningProcess,
): Promise<void> {
  const url = `http://${formatSocketAddress({ ip, port })}${path}`
  await sidecar.alive(`${what} at ${url}`, async () => {
    const { status, body } = await httpFrom(node, url, { timeout: 1_000 })
    if (status >= 200 && status < 400) return true
    throw new Error(`status ${status}, ${JSON.stringify(body.slice(0, 200))}`)
  })
}
