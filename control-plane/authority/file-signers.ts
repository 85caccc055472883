import type { SignerName, SignerStore, Stored, StoredData } from './signer-store.ts'
import type { StateDirectory } from './state-directory.ts'

/**
 * Keeps root and issuer in files of the state directory, which one process at a time uses. Each is one file, so that
 * it is replaced whole or not at all: a JSON object, readable by its owner alone.
 */
export class FileSigners implements SignerStore {
  readonly writing = true
  readonly #state: StateDirectory
  /** Those that are still kept as they once were. */
  readonly #former = new Set<SignerName>()

  constructor(state: StateDirectory) {
    this.#state = state
  }

  places(name: SignerName): { readonly certificate: string; readonly privateKey: string } {
    const { path } = this.#state
    if (this.#former.has(name)) {
      const { 'tls.crt': certificate, 'tls.key': privateKey } = formerFiles(name)
      return { certificate: `${path}/${certificate}`, privateKey: `${path}/${privateKey}` }
    }
    return { certificate: `${path}/${name}.json tls.crt`, privateKey: `${path}/${name}.json tls.key` }
  }

  async read(name: SignerName): Promise<Stored> {
    const text = await this.#state.read(fileOf(name))
    if (text !== undefined) return { data: parse(text), version: text }
    const data = await this.#formerFiles(name)
    if (Object.keys(data).length > 0) this.#former.add(name)
    return { data, version: undefined }
  }

  async write(name: SignerName, data: StoredData): Promise<Stored> {
    const text = `${JSON.stringify(data, null, 2)}\n`
    await this.#state.write(fileOf(name), text, 0o600)
    this.#former.delete(name)
    for (const file of Object.values(formerFiles(name))) await this.#state.remove(file)
    return { data, version: text }
  }

  subscribe(): () => void {
    return () => {}
  }

  /** What was kept before roots could rotate: certificate and key in a file each. */
  async #formerFiles(name: SignerName): Promise<StoredData> {
    const entries = Object.entries(formerFiles(name)).map(async ([key, file]) => {
      return [key, await this.#state.read(file)] as const
    })
    const present = (await Promise.all(entries)).filter(([, text]) => text !== undefined)
    return Object.fromEntries(present) as StoredData
  }
}

function fileOf(name: SignerName): string {
  return `${name}.json`
}

function formerFiles(name: SignerName): Readonly<Record<'tls.crt' | 'tls.key', string>> {
  return { 'tls.crt': `${name}.pem`, 'tls.key': `${name}-key.pem` }
}

/** Texts that are no such object are kept as one, so that whoever reads the parts says what is missing. */
function parse(text: string): StoredData {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return { damaged: text }
    return Object.fromEntries(Object.entries(value).filter(([, part]) => typeof part === 'string'))
  } catch {
    return { damaged: text }
  }
}
