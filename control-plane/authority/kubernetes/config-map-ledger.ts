import { createHash } from 'node:crypto'
import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import { type Entries, mergeEntries, readEntries } from '../../watch/kubernetes/api/config-map-entries.ts'
import { Batches } from '../serials/batches.ts'
import { forgettable, retentionFor } from '../serials/retention.ts'
import type { IssuedSerial, SerialLedger } from '../serials/serial-ledger.ts'

export interface ConfigMapLedgerOptions {
  readonly client: ApiClient
  readonly namespace: string
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Entries a patch removes at most, so that it stays far below what the API server takes. */
const prunedAtOnce = 2_000

/**
 * Keeps serials in ConfigMaps `weft-serials-0` to `-f`, by a hash of the pod UID: one entry a certificate,
 * `<pod UID>.<serial>` to the second since 1970 at which it expires. Entries of different replicas never meet, so that a
 * merge patch needs no version and no lock.
 *
 * An entry is 79 bytes and a ConfigMap may have 1 MiB, so that a shard has room for 13 000 entries and all of them for
 * 212 000. A pod renews at 0.45 of a lifetime and its entries stay for two: 4.4 of each pod, and 47 000 pods. A pod that
 * asks for all that it may have (mostLive, and a burst) takes a twentieth of its shard at most.
 */
export class ConfigMapLedger implements SerialLedger {
  readonly #options: ConfigMapLedgerOptions
  readonly #shards = new Map<string, Batches<IssuedSerial, Entries>>()

  constructor(options: ConfigMapLedgerOptions) {
    this.#options = options
    for (const shard of shards) {
      this.#shards.set(shard, new Batches((issued) => this.#write(shard, issued)))
    }
  }

  async record(issued: IssuedSerial): Promise<readonly IssuedSerial[]> {
    const { podUid } = issued
    return ofPod(await this.#shards.get(shardOf(podUid))!.add(issued), podUid)
  }

  async serialsOf(podUids: ReadonlySet<string>): Promise<readonly IssuedSerial[]> {
    const { client, namespace } = this.#options
    const byShard = Map.groupBy(podUids, shardOf)
    const found = await Promise.all(
      [...byShard].map(async ([shard, some]) => {
        const entries = await readEntries(client, { namespace, name: nameOf(shard) })
        return some.flatMap((podUid) => ofPod(entries, podUid))
      }),
    )
    return found.flat()
  }

  async prune(): Promise<void> {
    const { client, namespace, lifetime, now = Date.now } = this.#options
    for (const shard of shards) {
      const configMap = { namespace, name: nameOf(shard) }
      const entries = await readEntries(client, configMap)
      const byPod = Map.groupBy(issuedIn(entries, Object.keys(entries)), ({ podUid }) => podUid)
      const expired = [...byPod.values()].flatMap((all) => forgettable(all, retentionFor(lifetime), now()))
      for (let i = 0; i < expired.length; i += prunedAtOnce) {
        const some = expired.slice(i, i + prunedAtOnce)
        await mergeEntries(client, configMap, Object.fromEntries(some.map((each) => [keyOf(each), null])))
      }
    }
  }

  #write(shard: string, issued: readonly IssuedSerial[]): Promise<Entries> {
    const { client, namespace } = this.#options
    const data = issued.map((each) => [keyOf(each), String(Math.ceil(each.notAfter / 1_000))] as const)
    return mergeEntries(client, { namespace, name: nameOf(shard) }, Object.fromEntries(data))
  }
}

/** One hexadecimal digit each; the chart permits these very names. */
const shards = Array.from({ length: 16 }, (_, i) => i.toString(16))

function shardOf(podUid: string): string {
  return createHash('sha256').update(podUid).digest('hex')[0]!
}

function nameOf(shard: string): string {
  return `weft-serials-${shard}`
}

function keyOf({ podUid, serial }: IssuedSerial): string {
  return `${podUid}.${serial}`
}

function ofPod(entries: Entries, podUid: string): readonly IssuedSerial[] {
  return issuedIn(
    entries,
    Object.keys(entries).filter((key) => key.startsWith(`${podUid}.`)),
  )
}

/** An entry whose end cannot be read never ends, so that what was issued can always be taken back. */
function issuedIn(entries: Entries, keys: readonly string[]): IssuedSerial[] {
  return keys.flatMap((key) => {
    const [podUid = '', serial = ''] = key.split('.')
    if (!/^[0-9a-f]+$/.test(serial)) return []
    const seconds = entries[key] ?? ''
    const notAfter = /^\d+$/.test(seconds) ? Number(seconds) * 1_000 : Number.POSITIVE_INFINITY
    return { podUid, serial, notAfter }
  })
}
