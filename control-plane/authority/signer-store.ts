export type SignerName = 'root' | 'issuer'

/** Texts by name. `tls.crt` and `tls.key` are a signer's certificate and its key, in PEM. */
export type StoredData = Readonly<Record<string, string>>

export interface Stored {
  readonly data: StoredData
  /** Tells it from what was there before and will be there next; undefined where there is nothing. */
  readonly version: string | undefined
}

/** Where root and issuer outlive the process: files on one machine, Secrets in Kubernetes. */
export interface SignerStore {
  /** Whether it is this process that makes and renews them; of several replicas one does. */
  readonly writing: boolean
  /** What an operator would open to see the two parts of a signer. */
  places(name: SignerName): { readonly certificate: string; readonly privateKey: string }
  /** What is kept. Where another process may be about to write the first one, resolves once it has. */
  read(name: SignerName): Promise<Stored>
  /**
   * Replaces all of it in one step, unless it is another version by now. Answers what is there then; undefined when
   * another process writes instead: there is, or soon will be, something else to read.
   */
  write(name: SignerName, data: StoredData, replaces: Stored): Promise<Stored | undefined>
  /** Calls the listener after another process wrote, or removed it. Answers what ends the subscription. */
  subscribe(name: SignerName, listener: () => void): () => void
}
