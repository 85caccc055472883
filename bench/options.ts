import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type PeerName, peerNames } from './harness/peer.ts'
import { type ScenarioName, scenarioNames } from './scenarios/scenario.ts'

export interface Options {
  readonly quick: boolean
  readonly rounds: number
  /** In the order in which they run. */
  readonly scenarios: readonly ScenarioName[]
  /** Those to measure beside the direct connection. */
  readonly peers: readonly PeerName[]
  /** Paths of binaries by project, e.g. of `linkerd`. */
  readonly binaries: Readonly<Partial<Record<BinaryName, string>>>
  readonly k6: string | undefined
  /** Where the directory of the date is made. */
  readonly output: string
}

const binaryNames = ['linkerd', 'ztunnel'] as const
type BinaryName = (typeof binaryNames)[number]

/** What was typed is not understood; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const help = `Usage: npm run bench -- [options]

Measures weft beside other proxies, and beside no proxy, on the same network namespaces in the same minutes, and writes
raw samples, results.json, plots and a page to bench/results/<date>/. It needs root, and takes all of the machine.

  --quick            fewer and shorter rounds: under five minutes
  --rounds N         rounds of each scenario, 5 by default, 2 with --quick
  --scenario NAME    only this one; may be given several times or as a list: a,b
  --only NAME        only these peers beside direct; may be given several times or as a list: weft,haproxy
  --peer NAME=PATH   a peer's binary: linkerd=/path/to/linkerd2-proxy, ztunnel=/path/to/ztunnel
  --k6 PATH          k6; else the one on the PATH, else one built from its Go module, once
  --output DIR       bench/results by default
  --help             this text

Scenarios: ${scenarioNames.join(', ')}
Peers: ${peerNames.join(', ')}

Examples:
  npm run bench -- --quick
  npm run bench -- --peer linkerd=/opt/linkerd2-proxy --peer ztunnel=/opt/ztunnel
  npm run bench -- --scenario latency-1000,churn --only weft,haproxy --rounds 9 --output /tmp/bench
`

/** Parses the command line; `help` when it asks for that. Throws UsageError. */
export function parseOptions(argv: readonly string[], cwd: string): Options | 'help' {
  const { values } = parse(argv)
  if (values.help) return 'help'
  const quick = values.quick
  return {
    quick,
    rounds: parseRounds(values.rounds ?? (quick ? '2' : '5')),
    scenarios: chosen('--scenario', values.scenario, scenarioNames),
    peers: chosen('--only', values.only, peerNames).filter((name) => name !== 'direct'),
    binaries: Object.fromEntries(values.peer.map((text) => parseBinary(text, cwd))),
    k6: values.k6 === undefined ? undefined : resolve(cwd, values.k6),
    output: resolve(cwd, values.output),
  }
}

function parse(argv: readonly string[]) {
  const list = { type: 'string', multiple: true, default: [] as string[] } as const
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        scenario: list,
        only: list,
        peer: list,
        k6: { type: 'string' },
        output: { type: 'string', default: 'bench/results' },
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function parseRounds(text: string): number {
  const rounds = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (rounds < 1) throw new UsageError(`--rounds ${text}: write a whole number from 1 to 999`)
  return rounds
}

/** All of the known names when none is given; in their own order, whatever was typed. */
function chosen<Name extends string>(flag: string, given: readonly string[], known: readonly Name[]): Name[] {
  const names = given.flatMap((text) => text.split(','))
  for (const name of names) {
    if (!known.some((one) => one === name))
      throw new UsageError(`${flag} ${name}: write one of ${known.join(', ')}`)
  }
  return names.length === 0 ? [...known] : known.filter((name) => names.includes(name))
}

function parseBinary(text: string, cwd: string): [BinaryName, string] {
  const [, given, path] = /^([^=]+)=(.+)$/.exec(text) ?? []
  const name = binaryNames.find((one) => one === given)
  if (name === undefined || path === undefined) {
    throw new UsageError(`--peer ${text}: write ${binaryNames.map((one) => `${one}=PATH`).join(' or ')}`)
  }
  return [name, resolve(cwd, path)]
}
