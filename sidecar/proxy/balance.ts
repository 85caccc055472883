import type { SocketAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'

/** Endpoints that are tried for one connection at most. */
const attempts = 3

/**
 * The endpoints to try, in order: `first` if there is one, then the less loaded of two drawn by chance (power of two
 * choices), and so on among the rest. `random` yields 0 to 1, 1 excluded.
 */
export function* inOrderOfTrial(
  endpoints: readonly Endpoint[],
  load: (address: SocketAddress) => number,
  random: () => number = Math.random,
  first?: Endpoint,
): Generator<Endpoint> {
  const left = endpoints.filter((endpoint) => endpoint !== first)
  if (first) yield first
  for (let attempt = first ? 1 : 0; attempt < attempts && left.length > 0; attempt++) {
    const one = Math.floor(random() * left.length)
    // The other is drawn among the rest, so that two are really compared where there are two.
    const other = (one + 1 + Math.floor(random() * (left.length - 1))) % left.length
    const better = load(left[other]!.address) < load(left[one]!.address) ? other : one
    yield left.splice(better, 1)[0]!
  }
}
