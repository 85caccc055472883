import { Argument, type Command, Option } from 'commander'
import type { LogLevel } from '#runtime/log.ts'
import { addEpilogue, type Epilogue } from '../epilogue.ts'
import { outputOption } from '../output.ts'
import type { Question } from '../proxy/question.ts'
import { type Section, sections } from '../proxy/sections.ts'
import { contextOption } from './check.ts'

export function addProxy(program: Command): void {
  const proxy = program
    .command('proxy')
    .summary('look into a running sidecar')
    .description(
      'Asks a running sidecar what it knows and does. Its admin endpoint listens on the pod’s loopback only: name a pod ' +
        'of a cluster, or a network namespace of this machine, or run this in the pod.',
    )
    .helpCommand(false)
  addConfig(proxy)
  addConnections(proxy)
  addCertificate(proxy)
  addLogLevel(proxy)
  addEpilogue(proxy, {
    examples: [
      ['weft proxy config', 'what it knows, in short'],
      ['weft proxy config --pod shop/cart-1', 'the same of a pod of the cluster that kubectl talks to'],
      ['weft proxy connections --netns my-pod', 'who is connected in another network namespace'],
    ],
  })
}

function addConfig(proxy: Command): void {
  const command = proxy
    .command('config')
    .description('What the control plane has told the sidecar. As JSON without a section: everything.')
    .addArgument(new Argument('[SECTION]', 'what to show').choices(sections))
  asking(command).action(async (section: Section | undefined, question: Question) => {
    const { showConfig } = await import('../proxy/show-config.ts')
    process.exitCode = await showConfig(question, section)
  })
  addEpilogue(command, {
    examples: [
      ['weft proxy config', 'whether it is ready, who it is, what holds on it'],
      ['weft proxy config services --netns my-pod', 'services and their endpoints'],
      ['weft proxy config workloads -o json', 'for a program'],
    ],
    statuses,
  })
}

function addConnections(proxy: Command): void {
  const command = proxy
    .command('connections')
    .description('The connections that are open through the sidecar.')
  asking(command).action(async (question: Question) => {
    const { showConnections } = await import('../proxy/show-connections.ts')
    process.exitCode = await showConnections(question)
  })
  addEpilogue(command, {
    examples: [
      ['weft proxy connections', 'who is connected now'],
      ['weft proxy connections --netns my-pod -o json', 'with every detail'],
    ],
    statuses,
  })
}

function addCertificate(proxy: Command): void {
  const command = proxy
    .command('certificate')
    .description('The certificate that the sidecar proves its identity with.')
    .option('--renew', 'have a new key and certificate first; no connection ends by it')
  asking(command).action(async (question: Question & { readonly renew?: boolean }) => {
    const { showCertificate } = await import('../proxy/show-certificate.ts')
    process.exitCode = await showCertificate(question, { renew: question.renew ?? false })
  })
  addEpilogue(command, {
    examples: [
      ['weft proxy certificate', 'whose it is and how long it is good for'],
      ['weft proxy certificate --pod cart-1 -n shop --renew', 'a new one at once, in a pod of a cluster'],
      ['weft proxy certificate -o json | jq -r .chain', 'the chain in PEM'],
    ],
    statuses,
  })
}

function addLogLevel(proxy: Command): void {
  const command = proxy
    .command('log-level')
    .description('How much the sidecar writes to its log, until it ends.')
    .addArgument(new Argument('[LEVEL]', 'to set').choices(levels))
  asking(command).action(async (level: string | undefined, question: Question) => {
    const { showLogLevel } = await import('../proxy/show-log-level.ts')
    process.exitCode = await showLogLevel(question, level)
  })
  addEpilogue(command, {
    examples: [
      ['weft proxy log-level', 'as it is'],
      ['weft proxy log-level debug', 'set another'],
    ],
    statuses,
  })
}

// Written out, since the log itself is slow to load.
const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

const statuses: NonNullable<Epilogue['statuses']> = {
  0: 'answered',
  1: 'no sidecar answers there, or it refused',
  2: 'a bad command line',
}

function asking(command: Command): Command {
  return command
    .addOption(new Option('--admin <URL>', 'the sidecar’s admin endpoint').default('http://127.0.0.1:15000'))
    .option('--netns <NAME>', 'look from inside this network namespace, as ip netns list names it')
    .addOption(podOption())
    .addOption(contextOption())
    .option('-n, --namespace <NAMESPACE>', 'of a pod whose name says none; the context’s by default')
    .addOption(outputOption())
}

export function podOption(): Option {
  return new Option(
    '--pod <NAMESPACE/NAME>',
    'the sidecar of this pod of a cluster, as kubectl port-forward gets there',
  ).conflicts(['admin', 'netns'])
}
