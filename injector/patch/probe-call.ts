import { ports } from '#mesh/ports.ts'
import type { ProbeCall } from '#mesh/probes.ts'
import type { Container, Handler } from '../pod.ts'

export type ReadHandler =
  | { readonly kind: 'call'; readonly call: ProbeCall }
  /** Not for the sidecar. A warning completes the sentence "the readiness probe of container app ...". */
  | { readonly kind: 'left'; readonly warning?: string }

/** What the kubelet would have dialled for a probe or hook. `timeout` is in seconds. */
export function probeCall(handler: Handler, container: Container, timeout: number | undefined): ReadHandler {
  const { httpGet, tcpSocket, grpc } = handler
  const target = httpGet ?? tcpSocket
  if (target?.host) return left(`dials ${target.host} and not the pod, and stays as it is`)
  if (!target && !grpc) return { kind: 'left' }
  const written = target?.port ?? grpc!.port
  const port = resolvePort(written, container)
  if (port === undefined) return left(`names port ${written}, which the container does not declare`)
  // Those listen outside redirection already.
  if (port === ports.readiness || port === ports.metrics) return { kind: 'left' }
  const timed = timeout === undefined ? { port } : { port, timeout }
  if (tcpSocket) return { kind: 'call', call: { kind: 'tcp', ...timed } }
  if (grpc) return { kind: 'call', call: { kind: 'grpc', service: grpc.service ?? '', ...timed } }
  const path = httpGet?.path || '/'
  return {
    kind: 'call',
    call: {
      kind: 'http',
      scheme: httpGet?.scheme?.toUpperCase() === 'HTTPS' ? 'https' : 'http',
      path: path.startsWith('/') ? path : `/${path}`,
      headers: (httpGet?.httpHeaders ?? []).map(({ name, value }) => [name, value ?? ''] as const),
      ...timed,
    },
  }
}

function left(warning: string): ReadHandler {
  return { kind: 'left', warning }
}

/** A port by number, by the name that the container gives it, or, as the kubelet has it, by a number in a text. */
function resolvePort(port: string | number, { ports: declared }: Container): number | undefined {
  const named = declared?.find(({ name }) => name === port)
  const number = named?.containerPort ?? Number(port)
  return Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : undefined
}
