import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ensurePrerequisites } from '../scripts/prerequisites.ts'
import { describeJudgement, type Gate, judge, parseGate } from './gate/bounds.ts'
import { benchCommands } from './harness/commands.ts'
import { haproxy } from './harness/peers/haproxy.ts'
import { weft } from './harness/peers/weft.ts'
import { interleave } from './harness/schedule.ts'
import { openSite } from './harness/site.ts'
import { stand } from './harness/stand.ts'
import { findK6 } from './load/find-k6.ts'
import { Progress } from './progress.ts'
import { isValid, type Valid } from './report/measurement.ts'
import { bulk } from './scenarios/bulk.ts'
import { churn } from './scenarios/churn.ts'
import { latency } from './scenarios/latency.ts'
import { takeTurn } from './turn.ts'

const help = `Usage: npm run bench:gate -- [--k6 PATH]

Measures weft and HAProxy in turns for about a minute, and fails when a ratio between the two is worse than
bench/gate.json allows. Ratios hold on fast and slow machines alike; every round's is shown, with the spread.

Example: npm run bench:gate -- --k6 /usr/bin/k6
`

/** The machine could not carry the load, so nothing can be said about weft. */
class NotJudged extends Error {
  override readonly name = 'NotJudged'
}

/** Answers the exit status: 0 when every bound holds, 1 when one does not or a turn was never valid. */
async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { k6: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const gate = parseGate(readFileSync(new URL('gate.json', import.meta.url), 'utf8'))
  const progress = new Progress((line) => process.stdout.write(`${line}\n`))
  await ensurePrerequisites([...benchCommands, 'haproxy'], (line) => progress.say(line))
  const k6 = await findK6(values.k6, (line) => progress.say(line))
  const turns = await measure(gate, k6, progress).catch((error: unknown) => {
    if (error instanceof NotJudged) return error
    throw error
  })
  if (turns instanceof NotJudged) {
    progress.say(`FAILS  ${turns.message}: is the machine doing something else?`)
    return 1
  }
  const judgements = gate.bounds.map((bound) => judge(bound, roundsOf(bound.scenario, turns)))
  for (const judgement of judgements) progress.say(describeJudgement(judgement))
  return judgements.every(({ holds }) => holds) ? 0 : 1
}

async function measure(gate: Gate, k6: string, progress: Progress): Promise<Valid[]> {
  const site = await openSite()
  await using _ = site.mesh
  const stands = [await stand(site, weft), await stand(site, haproxy)]
  const scenarios = [
    latency({ k6: await site.executable(k6), rate: 1000, warmUp: 0.5, duration: 1.5 }),
    churn({ duration: 1 }),
    bulk({ streams: 1, duration: 1 }),
  ]
  progress.expect(scenarios.length * gate.rounds * stands.length)
  const taken: Valid[] = []
  // Nothing is worth keeping of a gate that is interrupted: the mesh is cleared and the process ends.
  const { signal } = new AbortController()
  for (const scenario of scenarios) {
    for (const { round, candidate } of interleave(stands, gate.rounds)) {
      const last = (await takeTurn(scenario, candidate, { round, progress, signal })).at(-1)!
      if (!isValid(last))
        throw new NotJudged(`${scenario.name}, round ${round}: ${last.peer} was never valid`)
      taken.push(last)
    }
  }
  return taken
}

function roundsOf(scenario: string, turns: readonly Valid[]) {
  const of = (peer: string) => turns.filter((turn) => turn.scenario === scenario && turn.peer === peer)
  const rivals = of('haproxy')
  return of('weft').map(({ outcome, round }) => {
    return [outcome, rivals.find((turn) => turn.round === round)!.outcome] as const
  })
}

if (import.meta.main) process.exit(await run(process.argv.slice(2)))
