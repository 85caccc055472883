import type { Log } from '#runtime/log.ts'
import type { Issuer, PluggedSigners } from '../issuer.ts'
import { pluggedRoot, sameRoot } from '../root.ts'
import type { Roots } from '../rotation/roots.ts'
import type { Plugged } from './plugged.ts'

/** What is plugged in, as the issuer asks for it. */
export function pluggedSigners(plugged: Plugged): PluggedSigners {
  return {
    under(root) {
      const { current } = plugged
      return current && sameRoot({ certificate: current.root }, root) ? current.signer : undefined
    },
    get awaited() {
      return plugged.current === undefined
    },
    another: () => plugged.another(),
  }
}

export interface PlugInOptions {
  readonly roots: Roots
  readonly issuer: Issuer
  readonly log: Log
  /** Told after another authority signs. */
  readonly adopted: () => void
}

/**
 * Has certificates signed with what is plugged in: at once where it is under the root that signs, else its root becomes
 * the next one. Answers what ends that.
 */
export function plugIn(plugged: Plugged, { roots, issuer, log, adopted }: PlugInOptions): () => void {
  const follow = async (): Promise<void> => {
    const { current } = plugged
    if (!current) return
    const root = pluggedRoot(current.root)
    if (!sameRoot(root, roots.state.current.signing)) return roots.offer(root)
    await issuer.plugIn()
    adopted()
  }
  const guarded = () =>
    void follow().catch((error: unknown) => log.error('what is plugged in could not be kept', { error }))
  guarded()
  const ends = [plugged.subscribe(guarded), roots.state.subscribe(guarded)]
  return () => {
    for (const end of ends) end()
  }
}
