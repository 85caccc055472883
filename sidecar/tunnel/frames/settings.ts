import { ConnectionFault } from './connection-fault.ts'
import { defaultWindow, errorCode, largest31, largestMaxFrameSize, smallestMaxFrameSize } from './protocol.ts'

/** What a peer announced of itself, and what holds before it did. */
export interface PeerSettings {
  headerTableSize: number
  maxConcurrentStreams: number
  /** Bytes. */
  initialWindowSize: number
  /** Bytes. */
  maxFrameSize: number
}

/** Settings that this layer sends. */
export interface OwnSettings {
  readonly maxConcurrentStreams: number
  readonly initialWindowSize: number
  readonly maxFrameSize: number
  readonly maxHeaderListSize: number
}

const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** Settings in one frame at most: there are seven, and repeating one is only a way to keep us busy. */
const mostSettings = 32

/** What holds until a peer's first SETTINGS. */
export function initialPeerSettings(): PeerSettings {
  return {
    headerTableSize: 4_096,
    maxConcurrentStreams: largest31,
    initialWindowSize: defaultWindow,
    maxFrameSize: smallestMaxFrameSize,
  }
}

/** The payload of SETTINGS that change nothing but what new streams may be sent, in bytes. */
export function encodeWindow(initialWindowSize: number): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(setting.initialWindowSize, 0)
  payload.writeUInt32BE(initialWindowSize, 2)
  return payload
}

/** The payload of our first SETTINGS. Push is refused for good. */
export function encodeSettings(own: OwnSettings): Buffer {
  const entries = [
    [setting.enablePush, 0],
    [setting.maxConcurrentStreams, own.maxConcurrentStreams],
    [setting.initialWindowSize, own.initialWindowSize],
    [setting.maxFrameSize, own.maxFrameSize],
    [setting.maxHeaderListSize, own.maxHeaderListSize],
  ] as const
  const payload = Buffer.alloc(entries.length * 6)
  for (const [i, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return payload
}

/** Takes a SETTINGS payload over into `peer`; throws a ConnectionFault for a value that may not be. */
export function applySettings(payload: Buffer, peer: PeerSettings, from: 'client' | 'server'): void {
  if (payload.length % 6 !== 0) {
    throw new ConnectionFault(errorCode.frameSizeError, 'SETTINGS whose length is no multiple of 6')
  }
  if (payload.length > mostSettings * 6) {
    throw new ConnectionFault(errorCode.enhanceYourCalm, 'SETTINGS with too many entries')
  }
  for (let at = 0; at < payload.length; at += 6) {
    apply(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), peer, from)
  }
}

function apply(id: number, value: number, peer: PeerSettings, from: 'client' | 'server'): void {
  switch (id) {
    case setting.headerTableSize:
      peer.headerTableSize = value
      return
    case setting.enablePush:
      if (value > 1 || (value === 1 && from === 'server')) throw outOfRange('ENABLE_PUSH', value)
      return
    case setting.maxConcurrentStreams:
      peer.maxConcurrentStreams = value
      return
    case setting.initialWindowSize:
      if (value > largest31) {
        throw new ConnectionFault(errorCode.flowControlError, `INITIAL_WINDOW_SIZE of ${value}`)
      }
      peer.initialWindowSize = value
      return
    case setting.maxFrameSize:
      if (value < smallestMaxFrameSize || value > largestMaxFrameSize) {
        throw outOfRange('MAX_FRAME_SIZE', value)
      }
      peer.maxFrameSize = value
      return
    default:
      return
  }
}

function outOfRange(name: string, value: number): ConnectionFault {
  return new ConnectionFault(errorCode.protocolError, `${name} of ${value}`)
}
