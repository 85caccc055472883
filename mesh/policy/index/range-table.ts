import { type Cidr, type IpAddress, ipToBytes } from '../../address.ts'
import type { Match } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'
import { type Bucket, bucketOf, onBuckets, type Table } from './table.ts'
import { dropEmptyLengths, ofLength } from './text-table.ts'

/** A field of address ranges. An address is looked up by each length of range that there is of its family. */
export function rangeTable(
  demanded: (match: Match) => readonly Cidr[],
  had: (facts: ConnectionFacts) => IpAddress,
): Table {
  // An IPv4 network is a number of 32 bits, an IPv6 network the text of its leading bits.
  const v4 = new Map<number, Map<number, Bucket>>()
  const v6 = new Map<number, Map<string, Bucket>>()

  const bucketFor = ({ bytes, length }: Cidr): Bucket =>
    bytes.length === 4
      ? bucketOf(ofLength(v4, length), networkV4(numberOf(bytes), length))
      : bucketOf(ofLength(v6, length), networkV6(bytes, length))

  return {
    ...onBuckets((match) => demanded(match).map(bucketFor)),
    settle() {
      dropEmptyLengths(v4)
      dropEmptyLengths(v6)
    },
    collect(facts, into) {
      if (v4.size + v6.size === 0) return
      const bytes = ipToBytes(had(facts))
      const add = (bucket: Bucket | undefined): void => {
        if (bucket) into.push(bucket.places)
      }
      if (bytes.length === 4) {
        const number = numberOf(bytes)
        for (const [length, buckets] of v4) add(buckets.get(networkV4(number, length)))
      } else {
        for (const [length, buckets] of v6) add(buckets.get(networkV6(bytes, length)))
      }
    },
  }
}

function numberOf(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0
}

function networkV4(address: number, length: number): number {
  // A shift by 32 is one by 0.
  return length === 0 ? 0 : (address >>> (32 - length)) << (32 - length)
}

function networkV6(bytes: Uint8Array, length: number): string {
  const whole = length >> 3
  const rest = length & 7
  let text = ''
  for (let i = 0; i < whole; i++) text += String.fromCharCode(bytes[i]!)
  return rest === 0 ? text : text + String.fromCharCode(bytes[whole]! >> (8 - rest))
}
