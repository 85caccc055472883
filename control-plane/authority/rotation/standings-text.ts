import { createHash } from 'node:crypto'
import type { Standing } from './followers.ts'

/** What one control plane knows of the pods that are connected to it, as its siblings read it. */
export interface Word {
  /** The state that it is measured by; under another one it says nothing. */
  readonly of: string
  /** By `shortId`. */
  readonly standings: ReadonlyMap<string, Standing>
}

/** 64 bits of a pod's UID: a ConfigMap holds what there is to say of 50 000 of them. */
export function shortId(podUid: string): string {
  return createHash('sha256').update(podUid).digest().subarray(0, 8).toString('base64url')
}

const idLength = 11

/** Twelve characters a pod: who it is, and one digit of three bits. */
export function formatWord({ of, standings }: Word, beat: number): string {
  const pods = [...standings].map(([id, { acknowledged, renewed, cleared }]) => {
    return `${id}${Number(acknowledged) + 2 * Number(renewed) + 4 * Number(cleared)}`
  })
  return JSON.stringify({ of, beat, pods: pods.sort().join('') })
}

/** Undefined for anything else. */
export function parseWord(text: string): Word | undefined {
  try {
    const { of, pods } = JSON.parse(text) as { readonly [field: string]: unknown }
    if (typeof of !== 'string' || typeof pods !== 'string' || pods.length % (idLength + 1) !== 0)
      return undefined
    const standings = new Map<string, Standing>()
    for (let at = 0; at < pods.length; at += idLength + 1) {
      const bits = Number(pods[at + idLength])
      standings.set(pods.slice(at, at + idLength), {
        acknowledged: (bits & 1) !== 0,
        renewed: (bits & 2) !== 0,
        cleared: (bits & 4) !== 0,
      })
    }
    return { of, standings }
  } catch {
    return undefined
  }
}
