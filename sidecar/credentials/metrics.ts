import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'
import type { Certificate } from './certificate.ts'

export type CredentialMetrics = ReturnType<typeof credentialMetrics>

export function credentialMetrics(registry: Registry) {
  const registers = [registry]
  const renewals = new Counter({
    name: 'weft_certificate_renewals_total',
    help: 'Certificates obtained from the authority',
    registers,
  })
  const expiry = new Gauge({
    name: 'weft_certificate_expiry_timestamp_seconds',
    help: 'When the current certificate ends, in seconds since the epoch',
    registers,
  })
  return {
    failures: new Counter({
      name: 'weft_certificate_failures_total',
      help: 'Failed attempts to obtain a certificate',
      registers,
    }),
    renewed({ notAfter }: Certificate): void {
      renewals.inc()
      expiry.set(notAfter / 1_000)
    },
  }
}
