import { PluggedCaRefused } from '../refusal.ts'

/** Exported files have 2 048 to 600 000; as many as this take a few seconds. */
const mostIterations = 1_000_000

/** The number of rounds that a password is put through; throws when it is none, or would keep the process busy. */
export function checkIterations(iterations: number | undefined): number {
  if (iterations !== undefined && iterations >= 1 && iterations <= mostIterations) return iterations
  const found = iterations ?? 'an unreadable number of'
  throw new PluggedCaRefused(
    `its password is put through ${found} rounds, and weft does 1 to ${mostIterations}: ${reencode}`,
  )
}

/** Two commands, because OpenSSL reads old encryption only when it is told to. */
export const reencode =
  'export it again with "openssl pkcs12 -legacy -in OLD.p12 -nodes -out ca.pem" and ' +
  '"openssl pkcs12 -export -in ca.pem -out NEW.p12", then remove ca.pem'
