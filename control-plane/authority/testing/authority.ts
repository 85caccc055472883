import type { Log } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { parseRegistry } from '../../watch/file/parse.ts'
import { type Authority, type AuthorityOptions, createAuthority } from '../authority.ts'
import { FileSigners } from '../file-signers.ts'
import { StateDirectory } from '../state-directory.ts'
import { publishTrustBundle } from '../trust.ts'
import { recordingLog } from './recording-log.ts'
import { temporaryFolder } from './temporary-folder.ts'

export const hour = 3_600_000
export const day = 24 * hour
/** A moment that certificates can hold, well before and after which they end. */
export const start = Date.UTC(2026, 10, 21, 12)

export interface TestAuthority extends Disposable {
  readonly authority: Authority
  readonly stateDir: string
  readonly clock: { now: number }
  readonly metrics: ReturnType<typeof createMetrics>
  readonly records: Record<string, unknown>[]
  readonly log: Log
}

/** An authority over a folder of its own, with a clock that stands still. */
export async function testAuthority(
  options: { lifetime?: number; now?: number } = {},
): Promise<TestAuthority> {
  const folder = temporaryFolder()
  const clock = { now: options.now ?? start }
  const metrics = createMetrics()
  const { log, records } = recordingLog()
  const authority = await createAuthority({
    ...filesOf(folder.path),
    trustDomain: 'cluster.local',
    namespace: 'weft-system',
    lifetime: options.lifetime ?? day,
    log,
    metrics,
    now: () => clock.now,
  })
  const dispose = () => {
    authority.close()
    folder[Symbol.dispose]()
  }
  return { authority, stateDir: folder.path, clock, metrics, records, log, [Symbol.dispose]: dispose }
}

/** An authority's options that keep everything in a folder. */
export function filesOf(path: string): Pick<AuthorityOptions, 'store' | 'publishTrust'> {
  const state = new StateDirectory(path)
  return { store: new FileSigners(state), publishTrust: (bundle) => publishTrustBundle(state, bundle) }
}

/** The state that a registry file of this text holds. */
export function registry(yaml: string): RegistryState {
  const parsed = parseRegistry(yaml)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  return parsed.state
}
