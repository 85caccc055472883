/** A certificate as it is remembered, so that it can be taken back. */
export interface IssuedSerial {
  readonly podUid: string
  /** Hexadecimal in lower case. */
  readonly serial: string
  /** Milliseconds since 1970, whole seconds. */
  readonly notAfter: number
}

/**
 * Which serials each pod was given: one record for all replicas, which outlives every one of them. A certificate is given
 * out only after its serial is in here, so that none can be overlooked when its pod is revoked.
 */
export interface SerialLedger {
  /**
   * Resolves once the serial is kept, to every serial of that pod that is, this one and expired ones included. Rejects
   * when it could not be kept: then nobody may be given the certificate.
   */
  record(issued: IssuedSerial): Promise<readonly IssuedSerial[]>
  /** What was issued to these pods, by whichever replica, and is not forgotten. */
  serialsOf(podUids: ReadonlySet<string>): Promise<readonly IssuedSerial[]>
  /** Forgets what expired long ago, as retention.ts says. */
  prune(): Promise<void>
}
