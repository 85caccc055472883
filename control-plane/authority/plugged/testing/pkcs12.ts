import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Signer } from '../../certificate.ts'
import { exportKey } from '../../keys.ts'
import { temporaryFolder } from '../../testing/temporary-folder.ts'

/** A signer with everything above it as `openssl pkcs12 -export` writes it, with more arguments if a test has any. */
export function exportPkcs12(
  { certificate, privateKey, issuers }: Signer,
  password: string,
  args: readonly string[] = [],
): Buffer {
  const files = {
    key: exportKey(privateKey),
    own: certificate.toString(),
    above: issuers.map(String).join(''),
  }
  const above = issuers.length > 0 ? ['-certfile', 'above'] : []
  return openssl(
    ['pkcs12', '-export', '-inkey', 'key', '-in', 'own', ...above, '-passout', `pass:${password}`, ...args],
    files,
  )
}

/** Runs openssl over some files, named in its arguments; answers the bytes that it writes. */
export function openssl(args: readonly string[], files: Readonly<Record<string, string | Buffer>>): Buffer {
  using folder = temporaryFolder()
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder.path, file), content)
  return execFileSync('openssl', args, { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] })
}
