import { join } from 'node:path'
import { parseFlatDocument } from '#mesh/flat-document.ts'
import {
  type IdentityRequests,
  identityRequestsFile,
  noIdentityRequests,
  type ParsedIdentityRequests,
  parseIdentityRequests,
} from '#mesh/identity-requests.ts'
import type { Log } from '#runtime/log.ts'
import { Changeable, type Changing } from '../../authority/changing.ts'
import { AuthorityStateError } from '../../authority/keys.ts'
import { StateDirectory } from '../../authority/state-directory.ts'
import { type ChangesOptions, changes } from './changes.ts'

export interface FileIdentityRequestsOptions extends ChangesOptions {
  readonly stateDir: string
  readonly log: Log
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/**
 * What operators wrote into the state directory, from now on. A file that becomes unreadable keeps what it said before;
 * rejects with AuthorityStateError for one that is so from the start, since nobody would know who is revoked.
 */
export async function watchIdentityRequests(
  options: FileIdentityRequestsOptions,
): Promise<Changing<IdentityRequests>> {
  const { stateDir, log, signal, ...timing } = options
  const place = join(stateDir, identityRequestsFile)
  const state = new StateDirectory(stateDir)
  const read = async () => parseFile(await state.read(identityRequestsFile))
  const first = await read().catch((cause: unknown) => {
    throw new AuthorityStateError(`${place} ${whyUnread(cause)}: put the right file back`, { cause })
  })
  tell(first, place, log)
  const requests = new Changeable(first.requests)
  let seen = JSON.stringify(first, withMaps)
  const follow = async () => {
    for await (const _ of changes(place, signal, timing)) {
      const next = await read().catch((error: unknown) => whyUnread(error))
      const content = JSON.stringify(next, withMaps)
      if (content === seen) continue
      seen = content
      if (typeof next === 'string') {
        log.error('requests about identities cannot be read; those known before stay', {
          problem: `${place} ${next}`,
        })
        continue
      }
      tell(next, place, log)
      requests.set(next.requests)
    }
  }
  void follow()
  return requests
}

function parseFile(text: string | undefined): ParsedIdentityRequests {
  if (text === undefined) return { requests: noIdentityRequests, problems: [] }
  const entries = parseFlatDocument(text)
  if (!entries) throw new Error('is no JSON object')
  return parseIdentityRequests(entries)
}

function whyUnread(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? message : `cannot be read: ${message}`
}

function tell({ problems }: ParsedIdentityRequests, place: string, log: Log): void {
  for (const problem of problems) log.error('a request about identities cannot be read', { place, problem })
}

function withMaps(_: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value
}
