import { open } from 'node:fs/promises'
import { changes } from '../../watch/file/changes.ts'
import { materialLimit } from './material.ts'
import type { CaSource, Found } from './source.ts'

export interface CaFiles {
  /** PEM or PKCS #12. */
  readonly file: string
  /** Holds the password alone; a line break at its end is not part of it. */
  readonly passwordFile: string | undefined
}

/** A certificate authority in a file of one machine. The signal ends every watch. */
export function fileSource({ file, passwordFile }: CaFiles, signal: AbortSignal): CaSource {
  return {
    place: file,
    async *watch(until) {
      // It looks now and then without any change of this file, by which a change of the other is seen.
      for await (const _ of changes(file, AbortSignal.any([signal, until]))) {
        yield await look({ file, passwordFile })
      }
    },
  }
}

async function look({ file, passwordFile }: CaFiles): Promise<Found> {
  const content = await read(file)
  if ('problem' in content) return { kind: 'nothing', problem: content.problem }
  if (passwordFile === undefined) return found(content.bytes, '')
  const password = await read(passwordFile)
  if ('problem' in password) return { kind: 'nothing', problem: `${passwordFile} ${password.problem}` }
  return found(content.bytes, password.bytes.toString('utf8').replace(/\r?\n$/, ''))
}

function found(content: Uint8Array, password: string): Found {
  return { kind: 'material', material: { content, password } }
}

/** No more than one byte beyond what would be read, so that a wrong path costs nothing. */
async function read(path: string): Promise<{ readonly bytes: Buffer } | { readonly problem: string }> {
  try {
    await using handle = await open(path)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(materialLimit + 1))
    return { bytes: buffer.subarray(0, bytesRead) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'it is missing: write it' }
    if (code === 'EACCES') return { problem: 'it may not be read: give this user leave to' }
    return { problem: `it cannot be read: ${message}` }
  }
}
