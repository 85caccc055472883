import type { IdentityRequests } from '#mesh/identity-requests.ts'
import type { Changing } from './authority/changing.ts'
import type { CaSource } from './authority/plugged/source.ts'
import type { IdentityStatus } from './authority/revocation/identity-status.ts'
import type { Replica } from './authority/revocation/revocations.ts'
import type { SerialLedger } from './authority/serials/serial-ledger.ts'
import type { SignerStore } from './authority/signer-store.ts'
import type { TokenVerifier } from './authority/tokens.ts'
import type { RegistryState } from './model/registry-state.ts'
import type { Registry } from './watch/registry.ts'

/** What one machine and a Kubernetes cluster each have their own of. */
export interface Platform extends AsyncDisposable {
  readonly registry: Registry
  /** Where root and issuer are kept. */
  readonly signers: SignerStore
  /** Where somebody plugs in an authority of their own; undefined where root and issuer are made here. */
  readonly pluggedCa?: CaSource | undefined
  readonly tokens: TokenVerifier
  /** What operators ask for: to revoke pods, to rotate the root. */
  readonly identityRequests: Changing<IdentityRequests>
  /** Where they are told what was done. */
  readonly identityStatus: IdentityStatus
  /** Which of several control planes this is; undefined where there is no other. */
  readonly replica?: Replica
  /** What each pod was given, so that it can be taken back. */
  readonly serials: SerialLedger
  /** Brings the roots, in PEM, to where clients find them before they know anything else. */
  publishTrust(bundle: string): Promise<void>
  /** Where the newest roots are not yet, though `publishTrust` has resolved. */
  unwrittenTrust(): readonly string[]
  /** Told of each state of the registry that was published. Never rejects. */
  published(state: RegistryState): Promise<void>
}
