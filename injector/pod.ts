import * as v from 'valibot'

/** Of a pod, what injection looks at. Whatever else it has is kept as it is, since only operations leave the injector. */
export type Pod = v.InferOutput<typeof podSchema>
export type Container = v.InferOutput<typeof containerSchema>
export type Probe = v.InferOutput<typeof probeSchema>
export type Handler = v.InferOutput<typeof handlerSchema>

export type ParsedPod =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'refused'; readonly message: string }

/** Parses a pod, or a workload's pod template. */
export function parsePod(input: unknown): ParsedPod {
  const result = v.safeParse(podSchema, input)
  if (result.success) return { kind: 'pod', pod: result.output }
  const [issue] = result.issues
  const path = v.getDotPath(issue) ?? 'the pod'
  return { kind: 'refused', message: `${path} is not what a pod has there: ${issue.message}` }
}

const text = v.nullish(v.string())
const texts = v.nullish(v.record(v.string(), v.string()))
const port = v.union([v.string(), v.number()])

const httpGetSchema = v.object({
  path: text,
  port,
  host: text,
  scheme: text,
  httpHeaders: v.nullish(v.array(v.object({ name: v.string(), value: text }))),
})

const handlerSchema = v.object({
  httpGet: v.nullish(httpGetSchema),
  tcpSocket: v.nullish(v.object({ port, host: text })),
  grpc: v.nullish(v.object({ port: v.number(), service: text })),
})

const probeSchema = v.object({ ...handlerSchema.entries, timeoutSeconds: v.nullish(v.number()) })

const containerSchema = v.object({
  name: v.string(),
  restartPolicy: text,
  ports: v.nullish(v.array(v.object({ name: text, containerPort: v.number(), protocol: text }))),
  env: v.nullish(v.array(v.object({ name: v.string(), value: text }))),
  securityContext: v.nullish(v.object({ runAsUser: v.nullish(v.number()) })),
  startupProbe: v.nullish(probeSchema),
  livenessProbe: v.nullish(probeSchema),
  readinessProbe: v.nullish(probeSchema),
  lifecycle: v.nullish(v.object({ postStart: v.nullish(handlerSchema), preStop: v.nullish(handlerSchema) })),
})

const podSchema = v.object({
  metadata: v.nullish(v.object({ name: text, generateName: text, labels: texts, annotations: texts })),
  spec: v.object({
    containers: v.array(containerSchema),
    initContainers: v.nullish(v.array(containerSchema)),
    volumes: v.nullish(v.array(v.object({ name: v.string() }))),
    hostNetwork: v.nullish(v.boolean()),
    dnsPolicy: text,
    os: v.nullish(v.object({ name: v.string() })),
    nodeSelector: texts,
    terminationGracePeriodSeconds: v.nullish(v.number()),
    securityContext: v.nullish(v.object({ runAsUser: v.nullish(v.number()) })),
  }),
})
