import { ConnectionFault } from './connection-fault.ts'
import { errorCode, flag } from './protocol.ts'

/** A header block may be so large, in bytes, encoded. */
const largestBlock = 64 * 1024
/** CONTINUATION frames that one block may be cut into: a block of the largest size needs four. */
const mostContinuations = 16

export interface HeaderBlock {
  readonly streamId: number
  readonly endStream: boolean
  readonly bytes: Buffer
}

interface Unfinished {
  readonly streamId: number
  readonly endStream: boolean
  readonly fragments: Buffer[]
  size: number
}

/** Puts HEADERS and their CONTINUATION frames together. Throws a ConnectionFault for what no peer may send. */
export class HeaderBlocks {
  #unfinished: Unfinished | undefined

  /** Whether nothing but a CONTINUATION may come. */
  get unfinished(): boolean {
    return this.#unfinished !== undefined
  }

  /** Takes HEADERS; the block, when it is whole. */
  headers(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    if (streamId === 0) throw new ConnectionFault(errorCode.protocolError, 'HEADERS on stream 0')
    const fragment = withoutPadding(flags, payload)
    if (fragment.length > largestBlock) throw tooLarge()
    const endStream = (flags & flag.endStream) !== 0
    if (flags & flag.endHeaders) return { streamId, endStream, bytes: fragment }
    // Copied, since it is a view of a chunk that may be far larger.
    this.#unfinished = { streamId, endStream, fragments: [Buffer.from(fragment)], size: fragment.length }
    return undefined
  }

  /** Takes a CONTINUATION; the block, when it is whole. */
  continuation(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const unfinished = this.#unfinished
    if (!unfinished || unfinished.streamId !== streamId) {
      throw new ConnectionFault(errorCode.protocolError, 'a CONTINUATION that continues nothing')
    }
    unfinished.fragments.push(Buffer.from(payload))
    unfinished.size += payload.length
    if (unfinished.size > largestBlock || unfinished.fragments.length > 1 + mostContinuations)
      throw tooLarge()
    if (!(flags & flag.endHeaders)) return undefined
    this.#unfinished = undefined
    const { endStream, fragments } = unfinished
    return { streamId, endStream, bytes: Buffer.concat(fragments) }
  }
}

function tooLarge(): ConnectionFault {
  return new ConnectionFault(errorCode.enhanceYourCalm, 'a header block is too large or too finely cut')
}

/** The fragment in a HEADERS frame; its priority, which RFC 9113 deprecates, is passed over. */
function withoutPadding(flags: number, payload: Buffer): Buffer {
  let start = 0
  let end = payload.length
  if (flags & flag.padded) {
    start = 1
    end -= payload[0] ?? 0
  }
  if (flags & flag.priority) start += 5
  if (start > payload.length) {
    throw new ConnectionFault(errorCode.frameSizeError, 'HEADERS without room for padding or priority')
  }
  if (start > end)
    throw new ConnectionFault(errorCode.protocolError, 'a HEADERS frame is shorter than its padding')
  return payload.subarray(start, end)
}
