import { Gauge, type Registry } from '#runtime/metrics.ts'

export interface RevocationMetrics {
  readonly pods: Gauge
  readonly serials: Gauge
}

export function revocationMetrics(registry: Registry): RevocationMetrics {
  const registers = [registry]
  return {
    pods: new Gauge({ name: 'weft_revoked_pods', help: 'Pods that operators have revoked.', registers }),
    serials: new Gauge({
      name: 'weft_revoked_certificates',
      help: 'Certificates of revoked pods that may still be believed: the length of the revocation list.',
      registers,
    }),
  }
}
