/**
 * Where the mesh stands between two roots. Everybody trusts both from `spreading` until `retiring` is over, and
 * certificates are signed under `signing` alone:
 *
 *     stable ──> spreading ──> reissuing ──> retiring ──> stable
 */
export type RotationState<Root> =
  /** One root. */
  | ({ readonly phase: 'stable'; readonly signing: Root } & Passage)
  /** The next root is made known; nothing hangs from it yet. */
  | ({ readonly phase: 'spreading'; readonly signing: Root; readonly next: Root } & Passage)
  /** The new root signs; certificates under the old one are being replaced. */
  | ({ readonly phase: 'reissuing'; readonly signing: Root; readonly old: Root } & Passage)
  /** Nobody has a certificate under the old root any more; what was connected under it may live on. */
  | ({ readonly phase: 'retiring'; readonly signing: Root; readonly old: Root } & Passage)

export type Phase = RotationState<unknown>['phase']
export const phases: readonly Phase[] = ['stable', 'spreading', 'reissuing', 'retiring']

export interface Passage {
  /** When the phase began, in milliseconds since 1970. */
  readonly since: number
  /** Names the newest request that was answered; undefined when none ever was. */
  readonly handled: string | undefined
}

/** Every root that is believed, the one that signs first: by that order clients see when it is another one. */
export function trustedRoots<Root>(state: RotationState<Root>): readonly Root[] {
  switch (state.phase) {
    case 'stable':
      return [state.signing]
    case 'spreading':
      return [state.signing, state.next]
    case 'reissuing':
    case 'retiring':
      return [state.signing, state.old]
  }
}

/** The root that is on its way out. */
export function oldRoot<Root>(state: RotationState<Root>): Root | undefined {
  return 'old' in state ? state.old : undefined
}
