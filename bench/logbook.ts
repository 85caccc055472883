import type { PeerName } from './harness/peer.ts'
import type { EncryptionProof } from './harness/proof.ts'
import { isValid, type Measurement } from './report/measurement.ts'
import { ResultsDirectory } from './report/results-directory.ts'
import type { Run } from './report/run.ts'

type About = Pick<Run, 'command' | 'machine' | 'load' | 'rounds'>

/** Everything that a run has found out so far. */
export class Logbook {
  /** What went wrong, a sentence each: peers that did not stand, turns that never became valid. */
  readonly failures: string[] = []
  readonly #about: About
  readonly #began = new Date().toISOString()
  readonly #directory: ResultsDirectory
  readonly #peers: { name: PeerName; version: string }[] = []
  readonly #leftOut: { name: PeerName; reason: string }[] = []
  readonly #proofs: EncryptionProof[] = []
  readonly #measurements: Measurement[] = []

  /** `output` is where the directory of the date is made. */
  constructor(output: string, about: About) {
    this.#about = about
    this.#directory = new ResultsDirectory(output, this.#began)
  }

  takesPart(name: PeerName, version: string, proof: EncryptionProof): void {
    this.#peers.push({ name, version })
    this.#proofs.push(proof)
  }

  leftOut(name: PeerName, reason: string): void {
    this.#leftOut.push({ name, reason })
  }

  /** Takes every attempt of one turn, the last one last. */
  turn(attempts: readonly Measurement[]): void {
    this.#measurements.push(...attempts)
    const last = attempts.at(-1)
    if (!last || isValid(last)) return
    this.failures.push(`${last.scenario}, round ${last.round}: ${last.peer} was never valid`)
  }

  /** Writes it down and answers where; `partial` says why it is not whole, undefined that it is. */
  save(partial: string | undefined): string {
    return this.#directory.write({
      ...this.#about,
      began: this.#began,
      peers: this.#peers,
      leftOut: this.#leftOut,
      proofs: this.#proofs,
      measurements: this.#measurements,
      partial,
    })
  }
}
