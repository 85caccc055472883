import { isIPv4, isIPv6 } from 'node:net'

declare const brand: unique symbol
/** An IP address in canonical text: dotted decimal, or compressed lower-case IPv6; never IPv4-mapped IPv6. */
export type IpAddress = string & { readonly [brand]: 'IpAddress' }

export interface SocketAddress {
  readonly ip: IpAddress
  /** 1 to 65535. */
  readonly port: number
}

/** Where the application wanted to go, as the kernel remembers it. */
export type OriginalDestination = SocketAddress & { readonly [brand]: 'OriginalDestination' }
/** A pod's address and the port its application listens on. */
export type EndpointAddress = SocketAddress & { readonly [brand]: 'EndpointAddress' }

/** An address range; host bits of `ip` are zero. */
export interface Cidr {
  readonly ip: IpAddress
  /** 0 to 32, or 0 to 128. */
  readonly length: number
  readonly bytes: Uint8Array
}

/** Parses an IPv4 or IPv6 address; undefined when it is none. A zone index is refused. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return text as IpAddress
  if (!isIPv6(text) || text.includes('%')) return undefined
  return ipFromBytes(ipv6Bytes(text))
}

/** The address that 4 or 16 bytes in network order hold; undefined for any other length. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length === 4) return bytes.join('.') as IpAddress
  if (bytes.length !== 16) return undefined
  if (isMapped(bytes)) return bytes.subarray(12).join('.') as IpAddress
  return compress(bytes) as IpAddress
}

/** The 4 or 16 bytes of an address in network order. */
export function ipToBytes(ip: IpAddress): Uint8Array {
  return isIPv4(ip) ? ipv4Bytes(ip) : ipv6Bytes(ip)
}

/** Parses `ip/length`, or a bare address as a range of one; undefined when it is neither or has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const written = writtenRange(text)
  return written && cidrFromBytes(written.bytes, written.length)
}

/** The range that `ip/length` lies in, whatever its host bits; undefined when it is no range at all. */
export function networkOf(text: string): Cidr | undefined {
  const written = writtenRange(text)
  return written && cidrFromBytes(withoutHostBits(written.bytes, written.length), written.length)
}

/**
 * The range of `length` leading bits of 4 or 16 bytes; undefined when the length does not fit or host bits are set.
 * A range of IPv4-mapped addresses is the IPv4 range that it stands for.
 */
export function cidrFromBytes(bytes: Uint8Array, length: number): Cidr | undefined {
  const mapped = bytes.length === 16 && isMapped(bytes)
  const network = mapped ? bytes.slice(12) : bytes.slice()
  const bits = mapped ? length - 96 : length
  if (!Number.isInteger(bits) || bits < 0 || bits > network.length * 8) return undefined
  if (hasHostBits(network, bits)) return undefined
  const ip = ipFromBytes(network)
  return ip === undefined ? undefined : { ip, length: bits, bytes: network }
}

/** The range that holds one address and no other. */
export function cidrOf(ip: IpAddress): Cidr {
  const bytes = ipToBytes(ip)
  return { ip, length: bytes.length * 8, bytes }
}

export function formatCidr(cidr: Cidr): string {
  return `${cidr.ip}/${cidr.length}`
}

export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  const bytes = ipToBytes(ip)
  if (bytes.length !== cidr.bytes.length) return false
  const whole = cidr.length >> 3
  for (let i = 0; i < whole; i++) if (bytes[i] !== cidr.bytes[i]) return false
  const rest = cidr.length & 7
  if (rest === 0) return true
  const mask = 0xff << (8 - rest)
  return ((bytes[whole]! ^ cidr.bytes[whole]!) & mask & 0xff) === 0
}

/** `ip:port`, with IPv6 in brackets: the form of a CONNECT authority. */
export function formatSocketAddress({ ip, port }: SocketAddress): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** Parses `ip:port` or `[ipv6]:port`; names, missing ports and port 0 are refused with undefined. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([1-9]\d{0,4})$/.exec(text)
  if (!match) return undefined
  const ip = parseIp((match[1] ?? match[2])!)
  const port = Number(match[3])
  if (ip === undefined || port > 65535) return undefined
  // A bracketed address must be IPv6 as written, so that one address has one spelling of its brackets.
  if (match[1] !== undefined && !isIPv6(match[1])) return undefined
  return { ip, port }
}

// By hand, because every check of an address range comes through here.
function ipv4Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(4)
  let part = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    // The only other character is the dot.
    if (digit < 0) part++
    else bytes[part] = bytes[part]! * 10 + digit
  }
  return bytes
}

function ipv6Bytes(text: string): Uint8Array {
  const [head = '', tail] = text.split('::')
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const bytes = new Uint8Array(16)
  bytes.set(front, 0)
  bytes.set(back, 16 - back.length)
  return bytes
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** RFC 5952: the longest run of two or more zero groups, the first of equals, becomes `::`. */
function compress(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16))
  let start = 0
  let longest = 0
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && words[i + run] === '0') run++
    if (run > longest) [start, longest] = [i, run]
  }
  if (longest < 2) return words.join(':')
  return `${words.slice(0, start).join(':')}::${words.slice(start + longest).join(':')}`
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
}

/** An address as it was written, IPv4-mapped IPv6 not yet folded, since its length counts from the 128 bits. */
function writtenRange(text: string): { bytes: Uint8Array; length: number } | undefined {
  const match = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text)
  if (match?.[1] === undefined || parseIp(match[1]) === undefined) return undefined
  const bytes = isIPv4(match[1]) ? ipv4Bytes(match[1]) : ipv6Bytes(match[1])
  const length = match[2] === undefined ? bytes.length * 8 : Number(match[2])
  return { bytes, length }
}

function hasHostBits(bytes: Uint8Array, length: number): boolean {
  return withoutHostBits(bytes, length).some((byte, i) => byte !== bytes[i])
}

function withoutHostBits(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => {
    const networkBits = Math.min(8, Math.max(0, length - i * 8))
    return byte & ~(0xff >> networkBits)
  })
}
