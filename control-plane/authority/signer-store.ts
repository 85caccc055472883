import type { Signer } from './certificate.ts'

export type SignerName = 'root' | 'issuer'

/** A signer as it is kept, in PEM; a part that is missing is undefined. */
export interface StoredSigner {
  readonly certificate: string | undefined
  readonly privateKey: string | undefined
}

/** Where root and issuer outlive the process: files on one machine, Secrets in Kubernetes. */
export interface SignerStore {
  /** Whether it is this process that makes and renews them; of several replicas one does. */
  readonly writing: boolean
  /** What an operator would open to see the two parts. */
  places(name: SignerName): { readonly certificate: string; readonly privateKey: string }
  /** What is kept. Where another process may be about to write the first one, resolves once it has. */
  read(name: SignerName): Promise<StoredSigner>
  /**
   * Replaces it, key before certificate. False when another process writes instead: there is, or soon will be, something
   * else to read.
   */
  write(name: SignerName, signer: Signer): Promise<boolean>
  /** Calls the listener after another process wrote, or removed it. Answers what ends the subscription. */
  subscribe(name: SignerName, listener: () => void): () => void
}
