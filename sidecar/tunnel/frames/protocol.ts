/** Frame types of RFC 9113, 6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Flags; `ack` shares its bit with `endStream`, on other frames. */
export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

/** Error codes of RFC 9113, 7. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode]

/** What every client sends first. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** The head of every frame, in bytes. */
export const headSize = 9
/** Stream ids and windows are 31 bits wide. */
export const largest31 = 2 ** 31 - 1
/** Every window before a SETTINGS or WINDOW_UPDATE, in bytes. */
export const defaultWindow = 65_535
/** What every peer must accept as a frame's payload, in bytes. */
export const smallestMaxFrameSize = 16_384
export const largestMaxFrameSize = 2 ** 24 - 1

const names = new Map<number, string>(Object.entries(errorCode).map(([name, code]) => [code, name]))

/** An error code as people read it. */
export function nameOfError(code: number): string {
  return names.get(code) ?? `error ${code}`
}
