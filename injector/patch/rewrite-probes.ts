import { initName, proxyName } from '#mesh/injected.ts'
import { ports } from '#mesh/ports.ts'
import {
  type ContainerProbes,
  findProbe,
  type ProbeKind,
  type ProbeTable,
  parseProbePath,
  parseProbeTable,
  probePath,
} from '#mesh/probes.ts'
import type { Container, Handler, Pod } from '../pod.ts'
import { type Operation, pointer } from './operation.ts'
import { probeCall } from './probe-call.ts'
import { probesVariable } from './proxy-container.ts'

export interface RewrittenProbes {
  readonly operations: readonly Operation[]
  /** Of every probe that goes through the sidecar, from this review or an earlier one; undefined when none does. */
  readonly table: ProbeTable | undefined
  readonly warnings: readonly string[]
}

/**
 * Points every probe and hook that dials the pod at the sidecar, which dials for it: under strict nobody else's
 * plaintext comes in. Those that run a command stay, and so do those that dial another host.
 */
export function rewriteProbes(pod: Pod, createNonce: () => string): RewrittenProbes {
  const known = knownTable(pod)
  const nonce = known?.nonce ?? createNonce()
  const operations: Operation[] = []
  const warnings: string[] = []
  const containers: Record<string, ContainerProbes> = {}
  for (const { container, path } of containersOf(pod)) {
    const probes: Partial<Record<ProbeKind, ContainerProbes[ProbeKind]>> = {}
    for (const { kind, steps, handler, timeout } of handlersOf(container)) {
      const before = rewrittenBefore(handler, known)
      if (before) {
        probes[kind] = before
        continue
      }
      const call = probeCall(handler, container, timeout)
      if (call.kind === 'left') {
        if (call.warning) warnings.push(`the ${kind} probe of container ${container.name} ${call.warning}`)
        continue
      }
      probes[kind] = call.call
      operations.push(...redirected(handler, [...path, ...steps], probePath(nonce, container.name, kind)))
    }
    if (Object.keys(probes).length > 0) containers[container.name] = probes
  }
  const table = Object.keys(containers).length > 0 ? { nonce, containers } : undefined
  return { operations, table, warnings }
}

/** What an earlier review wrote into the sidecar's environment. */
function knownTable({ spec }: Pod): ProbeTable | undefined {
  const proxy = spec.initContainers?.find(({ name }) => name === proxyName)
  const written = proxy?.env?.find(({ name }) => name === probesVariable)?.value
  return written ? parseProbeTable(written) : undefined
}

function* containersOf({ spec }: Pod): Generator<{ container: Container; path: (string | number)[] }> {
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      if (container.name === initName || container.name === proxyName) continue
      yield { container, path: ['spec', list, index] }
    }
  }
}

interface WrittenHandler {
  readonly kind: ProbeKind
  /** From the container to the handler. */
  readonly steps: readonly string[]
  readonly handler: Handler
  /** Seconds; hooks have none. */
  readonly timeout: number | undefined
}

function handlersOf(container: Container): WrittenHandler[] {
  const probes = (['startup', 'liveness', 'readiness'] as const).flatMap((kind) => {
    const handler = container[`${kind}Probe`]
    return handler
      ? [{ kind, steps: [`${kind}Probe`], handler, timeout: Math.max(1, handler.timeoutSeconds ?? 1) }]
      : []
  })
  const hooks = (
    [
      ['post-start', 'postStart'],
      ['pre-stop', 'preStop'],
    ] as const
  ).flatMap(([kind, field]) => {
    const handler = container.lifecycle?.[field]
    // Only these work: the API knows tcpSocket hooks too, but no kubelet runs them.
    return handler?.httpGet ? [{ kind, steps: ['lifecycle', field], handler, timeout: undefined }] : []
  })
  return [...probes, ...hooks]
}

function rewrittenBefore({ httpGet }: Handler, known: ProbeTable | undefined) {
  if (!known || httpGet?.port !== ports.readiness) return undefined
  const address = parseProbePath(httpGet.path ?? '')
  return address?.nonce === known.nonce ? findProbe(known, address) : undefined
}

function redirected(handler: Handler, steps: readonly (string | number)[], path: string): Operation[] {
  const value = { path, port: ports.readiness, scheme: 'HTTP' }
  const at = pointer(...steps, 'httpGet')
  if (handler.httpGet) return [{ op: 'replace', path: at, value }]
  const other = handler.tcpSocket ? 'tcpSocket' : 'grpc'
  return [
    { op: 'remove', path: pointer(...steps, other) },
    { op: 'add', path: at, value },
  ]
}
