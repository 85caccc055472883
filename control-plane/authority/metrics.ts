import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export interface AuthorityMetrics {
  readonly issued: Counter
  readonly refused: Counter<'reason'>
  readonly surplusKeys: Counter
  readonly expiry: Gauge<'certificate'>
}

export function authorityMetrics(registry: Registry): AuthorityMetrics {
  const registers = [registry]
  return {
    issued: new Counter({
      name: 'weft_certificates_issued_total',
      help: 'Certificates issued to workloads.',
      registers,
    }),
    refused: new Counter({
      name: 'weft_certificates_refused_total',
      help: 'Certificate requests refused, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    surplusKeys: new Counter({
      name: 'weft_pods_with_surplus_keys_total',
      help: 'Pods that have more keys than renewals make, each counted once.',
      registers,
    }),
    expiry: new Gauge({
      name: 'weft_authority_expiry_timestamp_seconds',
      help: 'When the root, the issuer or the plugged-in authority, and the serving certificate end, in seconds since 1970.',
      labelNames: ['certificate'],
      registers,
    }),
  }
}
