import type { KeyObject } from 'node:crypto'
import { AuthorityStateError, exportKey, parseKey } from '../keys.ts'
import {
  checkRoot,
  fingerprint,
  otherTrustDomain,
  parseCertificate,
  pluggedRoot,
  type Root,
  type RootPlaces,
} from '../root.ts'
import type { StoredData } from '../signer-store.ts'
import { oldRoot, type Passage, type Phase, phases, type RotationState, trustedRoots } from './state.ts'

/** The other root of a rotation: a key only where it is still to sign. */
const nextKeys = { certificate: 'next.crt', privateKey: 'next.key' } as const
const oldCertificate = 'old.crt'
/** The entry that says where the rotation stands. */
export const record = 'rotation'

/** The state as it is kept: one object, so that a step is one write. */
export function formatState(state: RotationState<Root>, trustDomain: string): StoredData {
  const { phase, since, handled, signing } = state
  const old = oldRoot(state)
  const plugged = trustedRoots(state).filter((root) => root.plugged)
  return {
    'tls.crt': signing.certificate.toString(),
    // A Secret of this type has a key, be it an empty one.
    'tls.key': signing.privateKey ? exportKey(signing.privateKey) : '',
    ...(state.phase === 'spreading' && {
      [nextKeys.certificate]: state.next.certificate.toString(),
      ...(state.next.privateKey && { [nextKeys.privateKey]: exportKey(state.next.privateKey) }),
    }),
    ...(old && { [oldCertificate]: old.certificate.toString() }),
    [record]: JSON.stringify({
      phase,
      since: new Date(since).toISOString(),
      ...(handled !== undefined && { handled }),
      // Tells a root that somebody put there by hand from the one that the rest is about.
      root: fingerprint(signing),
      // Those whose keys are not missing, but elsewhere, and which name no trust domain by themselves.
      ...(plugged.length > 0 && { plugged: plugged.map(fingerprint), trustDomain }),
    }),
  }
}

export interface ParsedState {
  readonly state: RotationState<Root>
  /** Whether the root is not the one that was written there with the rest: somebody put it there. */
  readonly foreign: boolean
}

/**
 * Reads what is kept; a root and its key alone are a mesh that never rotated. Throws AuthorityStateError when the parts
 * do not fit each other or the trust domain.
 */
export function parseState(data: StoredData, trustDomain: string, places: RootPlaces): ParsedState {
  const written = parseRecord(data[record])
  const part = (certificate: string, privateKey?: string): Root => {
    const plugged = parsePlugged(data[certificate], written)
    if (plugged) {
      const { trustDomain: first = trustDomain } = written ?? {}
      if (first === trustDomain) return plugged
      throw otherTrustDomain(placeOf(places, certificate), `spiffe://${first}`, trustDomain)
    }
    const at = { certificate: placeOf(places, certificate), privateKey: placeOf(places, privateKey ?? '') }
    const key = privateKey === undefined ? undefined : keyOf(data[privateKey], at.privateKey)
    const root = checkRoot(data[certificate], key, trustDomain, at)
    if (privateKey === undefined || key) return root
    throw new AuthorityStateError(`${at.privateKey} is missing: put the key of ${at.certificate} back`)
  }
  const signing = part('tls.crt', 'tls.key')
  if (written?.root !== fingerprint(signing)) {
    const since = signing.certificate.validFromDate.getTime()
    return { state: { phase: 'stable', signing, since, handled: written?.handled }, foreign: true }
  }
  const { phase, since, handled } = written
  const passage: Passage = { since, handled }
  switch (phase) {
    case 'stable':
      return { state: { phase, signing, ...passage }, foreign: false }
    case 'spreading': {
      const next = part(nextKeys.certificate, nextKeys.privateKey)
      return { state: { phase, signing, next, ...passage }, foreign: false }
    }
    case 'reissuing':
    case 'retiring':
      return { state: { phase, signing, old: part(oldCertificate), ...passage }, foreign: false }
  }
}

/** Where another part of the same object is kept; root and key may have a file each, which have no other parts. */
function placeOf({ certificate, privateKey }: RootPlaces, part: string): string {
  if (part === 'tls.key') return privateKey
  return certificate.replace(/tls\.crt$/, part)
}

/** The key in PEM; undefined where there is none. Throws AuthorityStateError when it is something else. */
export function keyOf(pem: string | undefined, place: string): KeyObject | undefined {
  if (pem === undefined || pem === '') return undefined
  const key = parseKey(pem)
  if (key) return key
  throw new AuthorityStateError(
    `${place} holds no P-256 private key in PEM: put the right file back, or remove it to have a new one made`,
  )
}

/** A root that came with an authority that was plugged in; undefined for any other. */
function parsePlugged(pem: string | undefined, written: Record | undefined): Root | undefined {
  const certificate = pem === undefined ? undefined : parseCertificate(pem)
  if (!certificate || !written?.plugged.includes(fingerprint({ certificate }))) return undefined
  return pluggedRoot(certificate)
}

interface Record extends Passage {
  readonly phase: Phase
  readonly root: string
  readonly plugged: readonly string[]
  /** Of the roots that are plugged in; undefined in a record of before it was kept. */
  readonly trustDomain: string | undefined
}

function parseRecord(text: string | undefined): Record | undefined {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as { readonly [field: string]: unknown }
    const phase = phases.find((known) => known === value['phase'])
    const since = Date.parse(String(value['since']))
    const { root, handled, plugged, trustDomain } = value
    if (!phase || Number.isNaN(since) || typeof root !== 'string') return undefined
    return {
      phase,
      since,
      root,
      handled: typeof handled === 'string' ? handled : undefined,
      plugged: Array.isArray(plugged) ? plugged.map(String) : [],
      trustDomain: typeof trustDomain === 'string' ? trustDomain : undefined,
    }
  } catch {
    return undefined
  }
}
