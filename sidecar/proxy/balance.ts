import type { SocketAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'

/** Endpoints that are tried for one connection at most. */
const attempts = 3

/**
 * The endpoints to try, in order: the less loaded of two drawn by chance (power of two choices), then so on among
 * the rest. `random` yields 0 to 1, 1 excluded.
 */
export function* inOrderOfTrial(
  endpoints: readonly Endpoint[],
  load: (address: SocketAddress) => number,
  random: () => number = Math.random,
): Generator<Endpoint> {
  const left = [...endpoints]
  for (let attempt = 0; attempt < attempts && left.length > 0; attempt++) {
    const first = Math.floor(random() * left.length)
    // The second is drawn among the others, so that two are really compared where there are two.
    const second = (first + 1 + Math.floor(random() * (left.length - 1))) % left.length
    const better = load(left[second]!.address) < load(left[first]!.address) ? second : first
    yield left.splice(better, 1)[0]!
  }
}
