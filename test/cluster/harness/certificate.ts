import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** A certificate for this DNS name that is its own root, good for a day; both in PEM. */
export function selfSigned(name: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'weft-certificate-'))
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '1']
    const names = ['-subj', '/CN=weft test', '-addext', `subjectAltName=DNS:${name}`]
    const args = ['req', ...kind, ...names, '-keyout', key, '-out', certificate]
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The Secret that holds it for a pod. */
export function secretOf(name: string, { certificate, key }: Certificate): object {
  const stringData = { 'tls.crt': certificate, 'tls.key': key }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/tls', stringData }
}
