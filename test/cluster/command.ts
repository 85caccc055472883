import { parseArgs } from 'node:util'
import { Cluster } from './cluster.ts'
import { stopNode } from './node/lifetime.ts'
import { placeOf } from './node/place.ts'
import { loadImages, runSuite } from './suite.ts'

const help = `Usage: npm run test:cluster -- [options] [-- arguments of vitest]
       node test/cluster/main.ts up | images | down | enter [--name NAME] [-- command]

Makes a Kubernetes cluster of two nodes on this machine, runs the cases of test/cluster in it, and removes it.

  --context NAME       run the cases in the cluster of this kubeconfig context instead; it has to have the images
  --keep               leave the cluster standing
  --kubernetes MINOR   an older minor of Kubernetes, e.g. 1.34
  --name NAME          what the cluster is called (default: suite)

  up                   make a cluster that stays
  images               build this checkout's images and give them to its nodes
  down                 remove it
  enter -- COMMAND     run a command where the cluster's addresses are reachable, with kubectl on the path
`

/** Runs the command; answers the exit status, 2 for bad usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const separator = argv.includes('--') ? argv.indexOf('--') : argv.length
  const rest = argv.slice(separator + 1)
  const read = parse(argv.slice(0, separator))
  if (typeof read === 'string') {
    process.stderr.write(`${read}\n\n${help}`)
    return 2
  }
  const { name, context, keep, verb } = read
  const release = read.kubernetes === undefined ? {} : { kubernetes: read.kubernetes }
  switch (verb) {
    case 'help':
      process.stdout.write(help)
      return 0
    case 'up': {
      const cluster = await Cluster.start({ name, ...release, stays: true, say })
      say(`kubeconfig: ${cluster.place.kubeconfig}`)
      return 0
    }
    case 'images':
      await loadImages(await Cluster.find(name, read.kubernetes), say)
      return 0
    case 'down':
      await stopNode(placeOf(name))
      return 0
    case 'enter': {
      const cluster = await Cluster.find(name, read.kubernetes)
      return await cluster.run(rest, cluster.environment)
    }
    case 'suite':
      return await runSuite({ name, keep, ...release, ...(context !== undefined && { context }) }, rest, say)
  }
}

const verbs = ['up', 'images', 'down', 'enter'] as const

/** What was asked for, or what is wrong with it. */
function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        context: { type: 'string' },
        help: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        kubernetes: { type: 'string' },
        name: { type: 'string', default: 'suite' },
      },
    })
    if (!/^[a-z0-9-]{1,20}$/.test(values.name)) return 'a name is up to 20 of a-z, 0-9 and -'
    if (values.help) return { ...values, verb: 'help' as const }
    const [word, ...more] = positionals
    if (word === undefined) return { ...values, verb: 'suite' as const }
    const verb = verbs.find((known) => known === word)
    if (verb === undefined || more.length > 0) return `unknown arguments: ${positionals.join(' ')}`
    return { ...values, verb }
  } catch (error) {
    return (error as Error).message
  }
}

function say(line: string): void {
  console.log(`cluster: ${line}`)
}
