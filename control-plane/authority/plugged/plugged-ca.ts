import type { X509Certificate } from 'node:crypto'
import type { Signer } from '../certificate.ts'
import { endOf } from '../issue.ts'
import { nameOf, problemsOf, quoted } from './judge.ts'
import { type CaMaterial, readMaterial } from './material.ts'
import { type Path, pathsFrom, topFrom } from './path.ts'
import { PluggedCaRefused } from './refusal.ts'

/** A certificate authority that somebody else made, and whose root's key stays with them. */
export interface PluggedCa {
  readonly signer: Signer
  /** What the mesh trusts, and no more: the last of `signer.issuers`, or the authority itself. */
  readonly root: X509Certificate
  /** What somebody should know of, though it can be used. */
  readonly warnings: readonly string[]
}

export interface Expectations {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Milliseconds that a workload's certificate shall live. */
  readonly lifetime: number
}

/** Reads and judges a certificate authority. Rejects with PluggedCaRefused, which says everything that is wrong with it. */
export async function readPluggedCa(material: CaMaterial, expected: Expectations): Promise<PluggedCa> {
  const { own, privateKey, certificates } = await readMaterial(material)
  // A renewed certificate may stand beside the one before, of the same key.
  const candidates = own
    .toSorted((a, b) => b.validToDate.getTime() - a.validToDate.getTime())
    .flatMap((certificate) => {
      const [path] = pathsFrom(certificate, certificates)
      return path ? [{ certificate, path }] : []
    })
  const judged = candidates.map(({ certificate, path }) => {
    return { certificate, path, problems: problemsOf(certificate, path.issuers, expected.now) }
  })
  const chosen = judged.find(({ problems }) => problems.length === 0) ?? judged[0]
  if (!chosen) throw new PluggedCaRefused(noRoot(own[0]!, certificates))
  if (chosen.problems.length > 0) throw new PluggedCaRefused(chosen.problems.join('; '))
  const { certificate, path } = chosen
  const signer = { certificate, privateKey, issuers: path.issuers }
  return {
    signer,
    root: path.root,
    warnings: [...endsSoon(signer, expected), ...isRoot(signer), ...unused(own, path, certificates)],
  }
}

function noRoot(certificate: X509Certificate, given: readonly X509Certificate[]): string {
  const missing = quoted(topFrom(certificate, given).issuer)
  return `there is no root above ${nameOf(certificate)}: add the certificate of ${missing}, and those above it`
}

function endsSoon(signer: Signer, { now, lifetime }: Expectations): readonly string[] {
  const end = endOf(signer)
  if (end - now >= lifetime) return []
  const at = new Date(end).toISOString()
  return [`its chain ends at ${at}, and so does every certificate that it signs: put a new one in its place`]
}

function isRoot({ certificate, issuers }: Signer): readonly string[] {
  return issuers.length > 0
    ? []
    : [`${nameOf(certificate)} is a root: give weft an authority below it, and keep the root’s key elsewhere`]
}

function unused(
  own: readonly X509Certificate[],
  { issuers }: Path,
  certificates: readonly X509Certificate[],
): readonly string[] {
  const used = new Set([...own, ...issuers].map((each) => each.fingerprint256))
  return certificates
    .filter(({ fingerprint256 }) => !used.has(fingerprint256))
    .map((certificate) => `${nameOf(certificate)} is not on its way to the root, and is not used`)
}
