/** A certificate's life, in milliseconds since the epoch. */
export interface Lifetime {
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * When to renew, in milliseconds since the epoch: at half-life, drawn earlier by up to a tenth of the lifetime so
 * that processes started together do not renew together. `random` is 0 to 1; 1 is the latest.
 */
export function renewalTime({ notBefore, notAfter }: Lifetime, random: number): number {
  const lifetime = notAfter - notBefore
  return notBefore + lifetime * (0.4 + 0.1 * random)
}
