import type { Root } from '../root.ts'
import type { Roots } from '../rotation/roots.ts'

/**
 * Has a mesh whose authority is plugged in no more go back to a root of its own, as soon as it stands still. Answers what
 * ends that.
 */
export function unplug(roots: Roots, makeRoot: () => Root): () => void {
  const offer = () => {
    const { phase, signing } = roots.state.current
    if (phase === 'stable' && signing.plugged && !roots.offered.current) roots.offer(makeRoot())
  }
  offer()
  return roots.state.subscribe(offer)
}
