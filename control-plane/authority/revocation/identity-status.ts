import { formatFlatDocument, parseFlatDocument } from '#mesh/flat-document.ts'
import { identityStatusConfigMap, identityStatusFile } from '#mesh/identity-requests.ts'
import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import { mergeEntries, readEntries } from '../../watch/kubernetes/api/config-map-entries.ts'
import { Batches } from '../serials/batches.ts'
import type { StateDirectory } from '../state-directory.ts'

export type StatusChanges = Readonly<Record<string, string | null>>

/** Where operators are told what was done about identities: flat entries, each writer its own. */
export interface IdentityStatus {
  /** What is told now. */
  read(): Promise<Readonly<Record<string, string>>>
  /** Sets entries, and removes those that are null; others stay. Rejects when that could not be written. */
  write(changes: StatusChanges): Promise<void>
}

/** A file of the state directory. One that cannot be read is written anew: it only repeats what this process knows. */
export function fileStatus(state: StateDirectory): IdentityStatus {
  const read = async () => {
    const text = await state.read(identityStatusFile)
    return (text === undefined ? undefined : parseFlatDocument(text)) ?? {}
  }
  const writes = new Batches(async (changes: readonly StatusChanges[]) => {
    const entries = Object.entries(Object.assign({}, await read(), ...changes) as StatusChanges)
    const kept = entries.filter((entry): entry is [string, string] => entry[1] !== null)
    await state.write(identityStatusFile, formatFlatDocument(Object.fromEntries(kept)), 0o644)
  })
  return { read, write: (changes) => writes.add(changes) }
}

/** A ConfigMap in the control plane's namespace, which all replicas write. */
export function configMapStatus(client: ApiClient, namespace: string): IdentityStatus {
  const name = { namespace, name: identityStatusConfigMap }
  return {
    read: () => readEntries(client, name),
    write: async (changes) => void (await mergeEntries(client, name, changes)),
  }
}
