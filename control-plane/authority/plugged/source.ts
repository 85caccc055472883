import type { CaMaterial } from './material.ts'

/** What is found where an authority is plugged in: something to read, or a sentence that says why there is nothing. */
export type Found =
  | { readonly kind: 'material'; readonly material: CaMaterial }
  | { readonly kind: 'nothing'; readonly problem: string }

/** Where somebody puts the certificate authority that the mesh shall sign with. */
export interface CaSource {
  /** What an operator would open. */
  readonly place: string
  /** Yields what is there at once, and again each time that it may have changed. Ends when the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<Found>
}
