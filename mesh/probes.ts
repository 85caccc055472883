import * as v from 'valibot'

/** The application's probes and hooks, as the injector takes them from a pod and the sidecar carries them out. */
export interface ProbeTable {
  /** 128 random bits in hexadecimal, made when the pod was admitted: who does not know them reaches nothing. */
  readonly nonce: string
  /** Container to kind to what is dialled. */
  readonly containers: Readonly<Record<string, ContainerProbes>>
}

export const probeKinds = ['startup', 'liveness', 'readiness', 'post-start', 'pre-stop'] as const
export type ProbeKind = (typeof probeKinds)[number]
export type ContainerProbes = { readonly [kind in ProbeKind]?: ProbeCall | undefined }

/** One probe or hook: what is dialled at the pod's own address. */
export type ProbeCall = HttpCall | TcpCall | GrpcCall

interface Timed {
  readonly port: number
  /** Seconds, as the probe had them; hooks have none. */
  readonly timeout?: number | undefined
}

export interface HttpCall extends Timed {
  readonly kind: 'http'
  readonly scheme: 'http' | 'https'
  /** With the query. */
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export interface TcpCall extends Timed {
  readonly kind: 'tcp'
}

export interface GrpcCall extends Timed {
  readonly kind: 'grpc'
  /** The service whose health is asked for; empty for the whole server. */
  readonly service: string
}

/** Where on the readiness port the kubelet finds a probe. */
export function probePath(nonce: string, container: string, kind: ProbeKind): string {
  return `/probe/${nonce}/${container}/${kind}`
}

export interface ProbeAddress {
  readonly nonce: string
  readonly container: string
  readonly kind: ProbeKind
}

/** What a path on the readiness port asks for; undefined when it is none of a probe. */
export function parseProbePath(path: string): ProbeAddress | undefined {
  const [nonce, container, name, ...rest] = path.startsWith('/probe/') ? path.slice(7).split('/') : []
  const kind = probeKinds.find((known) => known === name)
  if (!nonce || !container || kind === undefined || rest.length > 0) return undefined
  return { nonce, container, kind }
}

/** The probe at an address; undefined when the table has none there. The nonce is not looked at. */
export function findProbe(
  { containers }: ProbeTable,
  { container, kind }: ProbeAddress,
): ProbeCall | undefined {
  return Object.hasOwn(containers, container) ? containers[container]![kind] : undefined
}

/** One line of JSON. A `$` is written as an escape, since Kubernetes expands `$(NAME)` in a container's environment. */
export function formatProbeTable(table: ProbeTable): string {
  return JSON.stringify(table).replaceAll('$', '\\u0024')
}

/** Parses what `formatProbeTable` wrote; undefined for anything else. */
export function parseProbeTable(text: string): ProbeTable | undefined {
  try {
    const result = v.safeParse(tableSchema, JSON.parse(text))
    return result.success ? result.output : undefined
  } catch {
    return undefined
  }
}

const timed = {
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  timeout: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
}

const callSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('http'),
    scheme: v.picklist(['http', 'https']),
    path: v.pipe(v.string(), v.startsWith('/')),
    headers: v.array(v.tuple([v.string(), v.string()])),
    ...timed,
  }),
  v.strictObject({ kind: v.literal('tcp'), ...timed }),
  v.strictObject({ kind: v.literal('grpc'), service: v.string(), ...timed }),
])

const containerSchema = v.strictObject(
  v.entriesFromList(probeKinds, v.optional(callSchema)),
) satisfies v.GenericSchema<unknown, ContainerProbes>

const tableSchema = v.strictObject({
  nonce: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  containers: v.record(v.string(), containerSchema),
})
