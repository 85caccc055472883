import type { PeerName, Site } from './harness/peer.ts'
import { everyPeer } from './harness/peers.ts'
import { interleave } from './harness/schedule.ts'
import { openSite } from './harness/site.ts'
import { type Stand, stand } from './harness/stand.ts'
import type { Logbook } from './logbook.ts'
import type { Options } from './options.ts'
import { plan } from './plan.ts'
import type { Progress } from './progress.ts'
import { takeTurn } from './turn.ts'

export interface Bench {
  readonly options: Options
  /** Path of k6. */
  readonly k6: string
  readonly logbook: Logbook
  readonly progress: Progress
  /** Ends the run early. */
  readonly signal: AbortSignal
}

/**
 * Runs the bench into its logbook; rejects with the signal's reason when that ends it. What it put on the machine is gone
 * either way.
 */
export async function bench(run: Bench): Promise<void> {
  const site = await openSite()
  await using _ = site.mesh
  await unlessAborted(run.signal, measure(site, run))
}

async function measure(site: Site, { options, k6, logbook, progress, signal }: Bench): Promise<void> {
  const stands = await standUp(site, { options, logbook, progress })
  const { scenarios, rounds, quick } = options
  const planned = plan({ scenarios, rounds, quick, k6: await site.executable(k6) }).map((one) => {
    const candidates = stands.filter(({ pair }) => pair.proxies || !one.scenario.proxiesOnly)
    return { scenario: one.scenario, turns: interleave(candidates, one.rounds) }
  })
  progress.expect(planned.reduce((sum, { turns }) => sum + turns.length, 0))
  for (const { scenario, turns } of planned) {
    for (const { round, candidate } of turns) {
      logbook.turn(await takeTurn(scenario, candidate, { round, progress, signal }))
    }
    logbook.save('it is still going on')
  }
}

/** A peer that is not here is left out; one that is here and does not stand, or does not encrypt, is a failure as well. */
async function standUp(
  site: Site,
  { options, logbook, progress }: Pick<Bench, 'options' | 'logbook' | 'progress'>,
): Promise<Stand[]> {
  const stands: Stand[] = []
  const wanted: readonly PeerName[] = ['direct', ...options.peers]
  for (const peer of everyPeer(options.binaries).filter(({ name }) => wanted.includes(name))) {
    const availability = await peer.available()
    if (availability.kind === 'absent') {
      progress.say(`${peer.name} is left out: ${availability.reason}`)
      logbook.leftOut(peer.name, availability.reason)
      continue
    }
    try {
      const standing = await stand(site, peer)
      const { groups } = standing.proof
      progress.say(
        `${peer.name} stands: ${availability.version}; ${groups.join(', ') || 'nothing encrypted'}`,
      )
      logbook.takesPart(peer.name, availability.version, standing.proof)
      stands.push(standing)
    } catch (error) {
      if (peer.name === 'direct') throw error
      const reason = error instanceof Error ? error.message : String(error)
      progress.say(`${peer.name} DOES NOT STAND: ${reason}`)
      logbook.leftOut(peer.name, `it did not stand: ${reason}`)
      logbook.failures.push(`${peer.name} did not stand`)
    }
  }
  return stands
}

/** Rejects at once when the signal aborts; what the work does after that nobody waits for. */
async function unlessAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
