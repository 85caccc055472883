import type { Certificate } from './certificate.ts'

/**
 * When to renew, in milliseconds since the epoch: at half-life, drawn earlier by up to a tenth of the lifetime so
 * that pods started together do not renew together. `random` is 0 to 1; 1 is the latest.
 */
export function renewalTime({ notBefore, notAfter }: Certificate, random: number): number {
  const lifetime = notAfter - notBefore
  return notBefore + lifetime * (0.4 + 0.1 * random)
}
