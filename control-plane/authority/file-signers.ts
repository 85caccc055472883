import type { Signer } from './certificate.ts'
import { exportKey } from './keys.ts'
import type { SignerName, SignerStore, StoredSigner } from './signer-store.ts'
import type { StateDirectory } from './state-directory.ts'

/** Keeps root and issuer in files of the state directory, which one process at a time uses. */
export class FileSigners implements SignerStore {
  readonly writing = true
  readonly #state: StateDirectory

  constructor(state: StateDirectory) {
    this.#state = state
  }

  places(name: SignerName): { readonly certificate: string; readonly privateKey: string } {
    const { certificate, privateKey } = files(name)
    return {
      certificate: `${this.#state.path}/${certificate}`,
      privateKey: `${this.#state.path}/${privateKey}`,
    }
  }

  async read(name: SignerName): Promise<StoredSigner> {
    const { certificate, privateKey } = files(name)
    return {
      certificate: await this.#state.read(certificate),
      privateKey: await this.#state.read(privateKey),
    }
  }

  /** The key first: a key without certificate is completed at the next start, the reverse could not be. */
  async write(name: SignerName, signer: Signer): Promise<boolean> {
    const { certificate, privateKey } = files(name)
    await this.#state.write(privateKey, exportKey(signer.privateKey), 0o600)
    await this.#state.write(certificate, signer.certificate.toString(), 0o644)
    return true
  }

  subscribe(): () => void {
    return () => {}
  }
}

function files(name: SignerName): { readonly certificate: string; readonly privateKey: string } {
  return { certificate: `${name}.pem`, privateKey: `${name}-key.pem` }
}
