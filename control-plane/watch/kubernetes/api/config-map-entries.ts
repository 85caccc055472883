import { apply, ownLabels } from './apply.ts'
import type { ApiClient } from './client.ts'
import { isAbsent } from './errors.ts'

export interface ConfigMapName {
  readonly namespace: string
  readonly name: string
}

export type Entries = Readonly<Record<string, string>>

/** What a ConfigMap holds; empty when it is not there. Rejects as the client does. */
export async function readEntries(client: ApiClient, configMap: ConfigMapName): Promise<Entries> {
  try {
    return dataOf(await client.request({ path: pathOf(configMap), timeout }))
  } catch (error) {
    if (isAbsent(error)) return {}
    throw error
  }
}

/**
 * Sets entries of a ConfigMap of our own, and removes those that are null; others stay, whoever writes them at the same
 * time. Makes it when it is not there, by server-side apply, which a role can permit by name. Answers what it holds then.
 */
export async function mergeEntries(
  client: ApiClient,
  configMap: ConfigMapName,
  data: Readonly<Record<string, string | null>>,
): Promise<Entries> {
  const { namespace, name } = configMap
  const path = pathOf(configMap)
  const merge = async () =>
    dataOf(
      await client.request({
        method: 'PATCH',
        path,
        contentType: 'application/merge-patch+json',
        // Who wrote which entry would take as much room as the entries.
        body: { metadata: { managedFields: [{}] }, data },
        timeout,
      }),
    )
  try {
    return await merge()
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  await apply(client, path, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: ownLabels },
  })
  return merge()
}

/** Milliseconds: somebody is waiting. */
const timeout = 10_000

function pathOf({ namespace, name }: ConfigMapName): string {
  return `/api/v1/namespaces/${namespace}/configmaps/${name}`
}

function dataOf(object: unknown): Entries {
  return (object as { readonly data?: Entries }).data ?? {}
}
