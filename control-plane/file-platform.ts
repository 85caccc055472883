import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import { FileSigners } from './authority/file-signers.ts'
import { openFileTokens } from './authority/file-tokens/file-tokens.ts'
import { type CaFiles, fileSource } from './authority/plugged/file-source.ts'
import { fileStatus } from './authority/revocation/identity-status.ts'
import { FileLedger } from './authority/serials/file-ledger.ts'
import { pruneRegularly } from './authority/serials/pruning.ts'
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
  /** A certificate authority of somebody's own. */
  readonly ca?: CaFiles | undefined
  readonly checkTokenAddress: boolean
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  readonly log: Log
  readonly metrics: Metrics
  /** Ends waiting for a good certificate authority. */
  readonly signal: AbortSignal
}

/** One machine: a registry file, and a folder for everything else. Rejects with AuthorityStateError. */
export async function openFilePlatform(options: FilePlatformOptions): Promise<Platform> {
  const { file, stateDir, ca, log, metrics, signal, checkTokenAddress: checkPeerAddress } = options
  const state = new StateDirectory(stateDir)
  await using stack = new AsyncDisposableStack()
  const tokens = stack.adopt(await openFileTokens({ stateDir, log, checkPeerAddress }), (opened) =>
    opened.close(),
  )
  const serials = stack.use(await FileLedger.open({ state, log, lifetime: options.lifetime }))
  stack.use(pruneRegularly(serials, { log }))
  const end = stack.adopt(new AbortController(), (opened) => opened.abort())
  const identityRequests = await watchIdentityRequests({ stateDir, log, signal: end.signal })
  const opened = stack.move()
  return {
    registry: createFileRegistry({ file, log, metrics }),
    signers: new FileSigners(state),
    pluggedCa: ca && fileSource(ca, signal),
    tokens,
    identityRequests,
    identityStatus: fileStatus(state),
    serials,
    unwrittenTrust: () => [],
    publishTrust: (bundle) => publishTrustBundle(state, bundle),
    published: (published) => tokens.update(published),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
