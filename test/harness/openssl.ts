import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Leaf } from './intruder.ts'

export interface Wanted {
  /** As openssl writes them, e.g. `URI:spiffe://cluster.local/ns/shop/sa/frontend`; several by commas. */
  readonly names: string
  /** From now on; negative for a certificate that has expired. 1 by default. */
  readonly days?: number
  /** Algorithm and parameter of the key; P-256 by default. */
  readonly key?: readonly string[]
}

/** A certificate authority by the openssl command. */
export class OpensslAuthority implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-openssl-'))
  #count = 0

  private constructor() {}

  /** A root that nobody trusts. */
  static foreign(): OpensslAuthority {
    const authority = new OpensslAuthority()
    const own = ['-keyout', 'key.pem', '-out', 'authority.pem', '-days', '2', '-subj', '/O=somebody else']
    authority.#openssl([
      'req',
      '-x509',
      '-noenc',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      ...own,
    ])
    return authority
  }

  /** Signs with a key that is there already, as whoever has stolen it could. Both are PEM. */
  static withKeyOf(certificate: string, key: string): OpensslAuthority {
    const authority = new OpensslAuthority()
    writeFileSync(join(authority.#directory, 'authority.pem'), certificate)
    writeFileSync(join(authority.#directory, 'key.pem'), key)
    return authority
  }

  /** PEM. */
  get certificate(): string {
    return this.#read('authority.pem')
  }

  leaf({ names, days = 1, key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] }: Wanted): Leaf {
    const n = ++this.#count
    const extensions = `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`
    writeFileSync(join(this.#directory, `${n}.cnf`), extensions)
    this.#openssl([
      'req',
      '-new',
      '-noenc',
      '-newkey',
      ...key,
      '-keyout',
      `${n}.key`,
      '-out',
      `${n}.csr`,
      '-subj',
      '/',
    ])
    const signer = ['-CA', 'authority.pem', '-CAkey', 'key.pem', '-days', String(days)]
    this.#openssl(['x509', '-req', '-in', `${n}.csr`, ...signer, '-extfile', `${n}.cnf`, '-out', `${n}.pem`])
    return { key: this.#read(`${n}.key`), cert: this.#read(`${n}.pem`) + this.certificate }
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true })
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'utf8')
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
