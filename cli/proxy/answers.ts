import * as v from 'valibot'

// What the tables need of the admin endpoint's answers. Fields that are not named here pass unseen.

const count = v.pipe(v.number(), v.integer())
const text = v.string()

const own = v.object({ uid: text, identity: text, policies: v.array(text) })

export const config = v.object({
  ready: v.boolean(),
  waitsFor: v.optional(text),
  controlPlane: text,
  own: v.optional(own),
  settings: v.object({
    networks: v.array(text),
    egress: text,
    rejectPlaintextFromMesh: v.boolean(),
  }),
  trust: v.optional(v.object({ trustDomain: text, roots: v.array(text) })),
  policies: v.array(v.object({ name: text, action: text, scope: text, dryRun: v.boolean(), rules: count })),
  services: v.array(
    v.object({
      name: text,
      addresses: v.array(text),
      ports: v.array(v.object({ servicePort: count, targetPort: count })),
      endpoints: v.array(text),
    }),
  ),
  workloads: v.array(
    v.object({ uid: text, identity: text, addresses: v.array(text), tunnel: text, health: text }),
  ),
})
export type Config = v.InferOutput<typeof config>

export const connections = v.array(
  v.object({
    id: count,
    direction: text,
    source: text,
    sourceWorkload: v.optional(text),
    destination: v.optional(text),
    destinationWorkload: v.optional(text),
    endpoint: v.optional(text),
    security: text,
    peer: v.optional(text),
    sentBytes: count,
    receivedBytes: count,
    durationMs: v.number(),
  }),
)
export type Connections = v.InferOutput<typeof connections>

/** A sidecar that has no certificate yet answers with no identity. */
export const certificate = v.union([
  v.object({ identity: text, serial: text, notBefore: text, notAfter: text, secondsLeft: v.number() }),
  v.object({ identity: v.null() }),
])
export type Certificate = v.InferOutput<typeof certificate>

export const logLevel = v.object({ level: text })
