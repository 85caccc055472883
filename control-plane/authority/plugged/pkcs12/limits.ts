import { PluggedCaRefused } from '../refusal.ts'

/** More rounds than anybody exports with; as many take seconds. */
const mostIterations = 5_000_000

/** The number of rounds that a password is put through; throws when it is none, or would keep the process busy. */
export function checkIterations(iterations: number | undefined): number {
  if (iterations !== undefined && iterations >= 1 && iterations <= mostIterations) return iterations
  const found = iterations === undefined ? 'no number' : String(iterations)
  throw new PluggedCaRefused(
    `its password is put through ${found} of rounds; from 1 to ${mostIterations} is what weft does: ${reencode}`,
  )
}

/** Two commands, because OpenSSL reads old encryption only when it is told to. */
export const reencode =
  'export it again with "openssl pkcs12 -legacy -in OLD.p12 -nodes -out ca.pem" and ' +
  '"openssl pkcs12 -export -in ca.pem -out NEW.p12", then remove ca.pem'
