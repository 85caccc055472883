import type { Follower } from './advance.ts'
import { shortId } from './standings-text.ts'

/** What one connection of a pod says, measured by the root that is on its way out. */
export type Standing = Omit<Follower, 'name' | 'connected'>

/** A pod's connection to a control plane. */
export interface Client {
  readonly podUid: string
  /** Whether it acknowledged the newest trust bundle. */
  readonly acknowledged: boolean
  /** The roots over its certificate and over its live tunnels' other ends; undefined while it said nothing of them. */
  readonly roots: { readonly certificate: string; readonly tunnels: ReadonlySet<string> } | undefined
}

/** By `shortId` of the pod. Of several connections of one pod, each must say a thing for it to count. */
export function standingsOf(clients: Iterable<Client>, old: string | undefined): Map<string, Standing> {
  const standings = new Map<string, Standing>()
  for (const { podUid, acknowledged, roots } of clients) {
    const id = shortId(podUid)
    const standing = {
      acknowledged,
      renewed: roots !== undefined && roots.certificate !== old,
      cleared: roots !== undefined && (old === undefined || !roots.tunnels.has(old)),
    }
    standings.set(id, both(standings.get(id), standing))
  }
  return standings
}

/** What several control planes know, each of the pods that are connected to it. */
export function merge(tables: Iterable<ReadonlyMap<string, Standing>>): Map<string, Standing> {
  const merged = new Map<string, Standing>()
  for (const table of tables) {
    for (const [id, standing] of table) merged.set(id, both(merged.get(id), standing))
  }
  return merged
}

/** Every pod of `names`, which are `namespace/name` by UID, and what is known of it. */
export function followersOf(
  names: ReadonlyMap<string, string>,
  standings: ReadonlyMap<string, Standing>,
): Follower[] {
  return [...names].map(([podUid, name]) => {
    const standing = standings.get(shortId(podUid))
    return { name, connected: standing !== undefined, ...(standing ?? nothingKnown) }
  })
}

function both(a: Standing | undefined, b: Standing): Standing {
  if (!a) return b
  return {
    acknowledged: a.acknowledged && b.acknowledged,
    renewed: a.renewed && b.renewed,
    cleared: a.cleared && b.cleared,
  }
}

const nothingKnown: Standing = { acknowledged: false, renewed: false, cleared: false }
