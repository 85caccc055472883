/** What a TLS server chose, as it says in the clear. */
export interface ServerHello {
  /** e.g. `X25519MLKEM768`; the number in hexadecimal when it has no name here; undefined before TLS 1.3. */
  readonly group: string | undefined
  /** The cipher suite's number, e.g. 0x1301. */
  readonly cipher: number
}

const groupNames: Readonly<Record<number, string>> = {
  0x0017: 'secp256r1',
  0x001d: 'x25519',
  0x11ec: 'X25519MLKEM768',
}

/** Finds the ServerHello at the beginning of what a server sent; undefined when that is not TLS or not whole. */
export function findServerHello(stream: Buffer): ServerHello | undefined {
  for (const message of handshakeMessages(stream)) {
    if (message[0] !== 2) return undefined
    const hello = parseServerHello(message.subarray(4))
    if (hello) return hello
  }
  return undefined
}

/** The unencrypted handshake messages, each with its four bytes of header. */
function* handshakeMessages(stream: Buffer): Generator<Buffer> {
  const [changeCipherSpec, handshake] = [20, 22]
  for (let at = 0; at + 5 <= stream.length; ) {
    const [type, length] = [stream[at]!, stream.readUInt16BE(at + 3)]
    const record = stream.subarray(at + 5, at + 5 + length)
    if ((type !== handshake && type !== changeCipherSpec) || record.length < length) return
    if (type === handshake && length >= 4) yield record.subarray(0, 4 + record.readUIntBE(1, 3))
    at += 5 + length
  }
}

// A HelloRetryRequest is a ServerHello with this in place of its random bytes (RFC 8446, 4.1.3).
const retry = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

/** Undefined for a HelloRetryRequest, after which the real one follows. */
function parseServerHello(body: Buffer): ServerHello | undefined {
  if (body.length < 40 || body.toString('hex', 2, 34) === retry) return undefined
  const afterSession = 35 + body[34]!
  if (body.length < afterSession + 5) return undefined
  const cipher = body.readUInt16BE(afterSession)
  return { cipher, group: keyShareGroup(body.subarray(afterSession + 5)) }
}

function keyShareGroup(extensions: Buffer): string | undefined {
  const keyShare = 51
  for (let at = 0; at + 4 <= extensions.length; ) {
    const [type, length] = [extensions.readUInt16BE(at), extensions.readUInt16BE(at + 2)]
    if (type === keyShare && at + 6 <= extensions.length) {
      const group = extensions.readUInt16BE(at + 4)
      return groupNames[group] ?? `0x${group.toString(16).padStart(4, '0')}`
    }
    at += 4 + length
  }
  return undefined
}
