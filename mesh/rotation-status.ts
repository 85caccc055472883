/** The entry of the identity status in which the control plane says how the rotation of its root stands. */
export const rotationStatusKey = 'rotation'

/** The same for every reader: times are RFC 3339, fingerprints SHA-256 in 64 digits of lower case. */
export interface RotationStatus {
  readonly phase: 'stable' | 'spreading' | 'reissuing' | 'retiring'
  /** When the phase began. */
  readonly since: string
  /** Names the newest request that was answered; undefined when none ever was. */
  readonly handled?: string
  /** The one that signs is the first. */
  readonly roots: readonly RootStatus[]
  /** When the issuer and the control plane's own certificate end. */
  readonly issuer: string
  readonly serving: string
  /** What the phase waits for; nothing in `stable`. */
  readonly waits: readonly WaitStatus[]
  /** The meshed pods; undefined in `stable`, where they make no difference. */
  readonly followers?: FollowersStatus
  /** Those whom this rotation went on without, some by name. */
  readonly leftBehind: Named
  /** When the old root goes at the latest; in `retiring` alone. */
  readonly graceEnds?: string
}

export interface RootStatus {
  readonly fingerprint: string
  readonly role: 'signing' | 'next' | 'old'
  readonly notAfter: string
  /** Whether it came with a certificate authority that was plugged in. */
  readonly plugged?: boolean
}

/** How many there are, and a few of their names. */
export interface Named {
  readonly count: number
  readonly names: readonly string[]
}

export interface WaitStatus extends Named {
  readonly kind: 'time' | 'issuer' | 'bundle' | 'acknowledgement' | 'renewal' | 'tunnels' | 'connection'
  /** When it is over at the latest; undefined where that is not by time. */
  readonly until?: string
}

export interface FollowersStatus {
  readonly total: number
  readonly connected: number
  readonly acknowledged: number
  /** Those that may still have a certificate under the old root, and live tunnels. */
  readonly certificatesUnderOld: number
  readonly tunnelsUnderOld: number
}

/** Reads what the control plane wrote; undefined when it is something else. */
export function parseRotationStatus(text: string): RotationStatus | undefined {
  try {
    const value = JSON.parse(text) as Partial<RotationStatus> | null
    const whole = Array.isArray(value?.roots) && Array.isArray(value.waits) && value.phase !== undefined
    return whole ? (value as RotationStatus) : undefined
  } catch {
    return undefined
  }
}
