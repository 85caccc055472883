/** The ports that every part of the mesh agrees on. None of them may be an application's. */
export const ports = {
  /** Admin endpoint of a sidecar; loopback only. */
  admin: 15000,
  /** Where redirected outbound connections arrive; 127.0.0.1 and ::1 only. */
  outbound: 15001,
  /** Where redirected inbound plaintext connections arrive. */
  inbound: 15006,
  /** HBONE: mutual TLS between pods. */
  hbone: 15008,
  /** The control plane's gRPC services. */
  controlPlane: 15012,
  /** The injector's webhook. */
  webhook: 15017,
  /** Prometheus metrics of a sidecar. */
  metrics: 15020,
  /** Readiness, and the application's probes under strict. */
  readiness: 15021,
  /** The capture canary: nothing ever listens there, so only redirection can answer it. */
  canary: 15099,
} as const

/** The sidecar's user and group. Redirection lets this user's own traffic pass. */
export const sidecarUid = 1337

/** Ports that no tunnel may be asked to reach: they would make the sidecar a relay to itself. */
export const forbiddenAuthorityPorts: ReadonlySet<number> = new Set([
  ports.admin,
  ports.outbound,
  ports.inbound,
  ports.hbone,
  ports.canary,
])
