import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCsr } from '#runtime/csr.ts'

/**
 * Makes the directory that a proxy finds at its pod's start, with key, request and token for a key in PEM, and answers
 * its path. The stand-in reads neither request nor token.
 */
export function writeIdentity(keyPath: string, directory: string): string {
  mkdirSync(directory, { mode: 0o755 })
  const write = (name: string, content: string | Buffer) =>
    writeFileSync(join(directory, name), content, { mode: 0o644 })
  const privateKey = createPrivateKey(readFileSync(keyPath))
  const request = createCsr({ privateKey, publicKey: createPublicKey(privateKey) })
  write('key.p8', privateKey.export({ type: 'pkcs8', format: 'der' }))
  write('csr.der', Buffer.from(request.replaceAll(/-----[^-]+-----/g, ''), 'base64'))
  write('token', 'unread')
  return directory
}
