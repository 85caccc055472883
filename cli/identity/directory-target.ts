import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { formatFlatDocument, parseFlatDocument } from '#mesh/flat-document.ts'
import { identityRequestsFile, identityStatusFile } from '#mesh/identity-requests.ts'
import { Failure } from '../failure.ts'
import type { Entries, IdentityTarget } from './target.ts'
import { podUidOf } from './token-claims.ts'

/** One machine: requests and status are files in the state directory of the control plane. */
export async function directoryTarget(command: string, stateDir: string): Promise<IdentityTarget> {
  const fail = (message: string, cause?: unknown) =>
    new Failure(`${command}: ${message}`, { status: 2, cause })
  const file = join(stateDir, identityRequestsFile)
  if (!(await stat(stateDir).catch(() => undefined))?.isDirectory()) {
    throw fail(`${stateDir} is no directory: name the state directory of the control plane`)
  }
  const text = (path: string) =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw fail(`${path} cannot be read: ${error.message}`, error)
    })
  const read = async (path: string): Promise<Entries> => {
    const found = await text(path)
    const entries = found === undefined ? {} : parseFlatDocument(found)
    if (!entries) throw fail(`${path} is no JSON object: put the right file back`)
    return entries
  }
  return {
    place: file,
    requests: () => read(file),
    status: () => read(join(stateDir, identityStatusFile)),
    async write(changes) {
      await using next = await replacement(file).catch((error: NodeJS.ErrnoException) => {
        throw fail(`${file} cannot be written: ${error.message}`, error)
      })
      const entries = Object.entries({ ...(await read(file)), ...changes })
      const kept = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null))
      await next.commit(formatFlatDocument(kept))
    },
    replicas: () => Promise.resolve([undefined]),
    async podUid(namespace, pod) {
      const token = await text(join(stateDir, 'tokens', namespace, pod))
      return token === undefined ? undefined : podUidOf(token)
    },
  }
}

interface Replacement extends AsyncDisposable {
  /** Puts the text in the file's place, whole and durable. */
  commit(text: string): Promise<void>
}

/** Milliseconds to wait for another command that writes just now. */
const patience = 2_000

/** The file that is to take another's place. Only one can be made at a time, so that no writer overlooks another. */
async function replacement(path: string): Promise<Replacement> {
  const temporary = `${path}.new`
  const file = await openAlone(temporary, performance.now() + patience)
  let placed = false
  return {
    async commit(text) {
      // The control plane is another user, and the umask may be narrow.
      await file.chmod(0o644)
      await file.writeFile(text)
      await file.sync()
      await rename(temporary, path)
      placed = true
    },
    async [Symbol.asyncDispose]() {
      await file.close()
      if (!placed) await rm(temporary, { force: true })
    },
  }
}

async function openAlone(path: string, deadline: number): Promise<Awaited<ReturnType<typeof open>>> {
  for (;;) {
    try {
      return await open(path, 'wx', 0o644)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (performance.now() > deadline) {
        throw new Error(`${path} is in the way: remove it, unless another command is writing`, {
          cause: error,
        })
      }
    }
    await delay(20)
  }
}
