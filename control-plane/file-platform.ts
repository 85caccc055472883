import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import { FileSigners } from './authority/file-signers.ts'
import { openFileTokens } from './authority/file-tokens/file-tokens.ts'
import { StateDirectory } from './authority/state-directory.ts'
import { publishTrustBundle } from './authority/trust.ts'
import type { Platform } from './platform.ts'
import { createFileRegistry } from './watch/file/file-registry.ts'
import { watchIdentityRequests } from './watch/file/identity-requests.ts'

export interface FilePlatformOptions {
  /** The YAML file that holds the registry. */
  readonly file: string
  /** Where keys, the trust bundle and tokens are kept. */
  readonly stateDir: string
  readonly checkTokenAddress: boolean
  readonly log: Log
  readonly metrics: Metrics
}

/** One machine: a registry file, and a folder for everything else. Rejects with AuthorityStateError. */
export async function openFilePlatform(options: FilePlatformOptions): Promise<Platform> {
  const { file, stateDir, log, metrics, checkTokenAddress: checkPeerAddress } = options
  const state = new StateDirectory(stateDir)
  const tokens = await openFileTokens({ stateDir, log, checkPeerAddress })
  const end = new AbortController()
  const identityRequests = await watchIdentityRequests({ stateDir, log, signal: end.signal })
  return {
    registry: createFileRegistry({ file, log, metrics }),
    signers: new FileSigners(state),
    tokens,
    identityRequests,
    publishTrust: (bundle) => publishTrustBundle(state, bundle),
    published: (published) => tokens.update(published),
    async [Symbol.asyncDispose]() {
      end.abort()
      tokens.close()
    },
  }
}
