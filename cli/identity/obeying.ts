import type { Entries, IdentityTarget } from './target.ts'

/** How many of those that have to obey said that they do. */
export interface Obeying {
  readonly said: number
  readonly of: number
  /** The names of those that did not; empty on one machine, where the control plane has none. */
  readonly missing: readonly string[]
}

/** Asks who has to obey, and what each of them says; `obeys` judges the status of one replica. */
export async function obeying(
  target: Pick<IdentityTarget, 'replicas' | 'status'>,
  obeys: (status: Entries, replica: string | undefined) => boolean,
): Promise<Obeying & { readonly status: Entries; readonly replicas: readonly (string | undefined)[] }> {
  const replicas = await target.replicas()
  const status = await target.status()
  const silent = replicas.filter((replica) => !obeys(status, replica))
  const missing = silent.filter((name) => name !== undefined)
  return { said: replicas.length - silent.length, of: replicas.length, missing, status, replicas }
}

/** Where nobody has to obey yet, nobody did. */
export function allObey({ said, of }: Obeying): boolean {
  return of > 0 && said === of
}

/** `1 of 2 replicas`, and which is waited for; undefined while there is nothing to count. */
export function describeObeying(obeying: Obeying | undefined): string | undefined {
  if (!obeying || obeying.missing.length === 0) return undefined
  const { said, of, missing } = obeying
  return `${said} of ${of} replicas of the control plane obey; waiting for ${missing.join(', ')}`
}
