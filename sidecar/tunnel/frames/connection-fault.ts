import type { ErrorCode } from './protocol.ts'

/** What the peer did that ends the whole connection (RFC 9113, 5.4.1). */
export class ConnectionFault extends Error {
  override readonly name = 'ConnectionFault'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
