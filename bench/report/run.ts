import type { PeerName } from '../harness/peer.ts'
import type { EncryptionProof } from '../harness/proof.ts'
import type { Measurement } from './measurement.ts'

/** A run of the bench as far as it has come: all that its report is made of. */
export interface Run {
  /** ISO 8601. */
  readonly began: string
  /** What was typed, without paths. */
  readonly command: string
  readonly machine: Machine
  /** The load generator and its version. */
  readonly load: string
  readonly rounds: number
  readonly peers: ReadonlyArray<{ readonly name: PeerName; readonly version: string }>
  readonly leftOut: ReadonlyArray<{ readonly name: PeerName; readonly reason: string }>
  readonly proofs: readonly EncryptionProof[]
  readonly measurements: readonly Measurement[]
  /** Why it is not whole; undefined once it is. */
  readonly partial: string | undefined
}

export interface Machine {
  readonly processor: string
  readonly processors: number
  /** Bytes. */
  readonly memory: number
  readonly kernel: string
  readonly congestionControl: string
  readonly openFiles: number
}
