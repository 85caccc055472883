import { stripVTControlCharacters, styleText } from 'node:util'
import { demoCommands, ensurePrerequisites, PrerequisiteError } from '../../scripts/prerequisites.ts'
import { invitation } from './invitation.ts'
import { type Stage, setStage } from './stage.ts'
import { story } from './story.ts'

export interface DemoOptions {
  /** Tell the story, clean up, and end; otherwise stay up until Ctrl-C. */
  readonly once: boolean
}

/** Tells the story of a mesh on this machine; answers the exit status, 0 only when every check passed. */
export async function demo({ once }: DemoOptions): Promise<number> {
  const ended = interrupted()
  const started = performance.now()
  let tally = { passed: 0, failed: 0 }
  let stage: Stage | undefined
  try {
    await prepare()
    heading('Setting the stage')
    stage = await setStage((step) => print(`  ${styleText('dim', step)}`))
    heading('The story')
    tally = await tell(stage, ended.signal)
    if (!once && !ended.signal.aborted) {
      print(invitation(stage))
      await ended.promise
    }
  } catch (error) {
    if (error instanceof PrerequisiteError) print(error.message)
    else print(`${styleText('red', 'The stage could not be set:')} ${(error as Error).message}`)
    tally.failed += 1
  } finally {
    if (stage) {
      print('')
      print(styleText('dim', '  taking everything away: processes, namespaces, rules, files'))
      await stage.mesh[Symbol.asyncDispose]().catch((error: Error) => {
        print(`${styleText('red', 'A process of the mesh had ended by itself:')} ${error.message}`)
        tally.failed += 1
      })
    }
    ended.stop()
  }
  if (ended.signal.aborted && tally.passed + tally.failed < story.length) tally.failed += 1
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  print(styleText('dim', `  ${seconds} s`))
  print(`demo: ${tally.passed} checks passed, ${tally.failed} failed`)
  return tally.failed === 0 ? 0 : 1
}

async function prepare(): Promise<void> {
  if (process.platform !== 'linux') {
    throw new PrerequisiteError('The demo needs Linux: network namespaces and iptables.')
  }
  if (process.getuid?.() !== 0) {
    throw new PrerequisiteError(
      'The demo makes network namespaces and iptables rules, so it needs root. Run:\n  sudo npm run demo',
    )
  }
  await ensurePrerequisites(demoCommands, (line) => print(`  ${styleText('dim', line)}`))
}

async function tell(stage: Stage, signal: AbortSignal): Promise<{ passed: number; failed: number }> {
  const tally = { passed: 0, failed: 0 }
  for (const [i, { title, tell }] of story.entries()) {
    if (signal.aborted) break
    try {
      const proof = await tell(stage)
      tally.passed += 1
      print(`${styleText('green', '✓')} ${i + 1}. ${title}`)
      for (const line of proof) print(styleText('dim', `     ${line}`))
    } catch (error) {
      tally.failed += 1
      print(`${styleText('red', '✗')} ${i + 1}. ${title}`)
      print(`     ${(error as Error).message}`)
    }
  }
  return tally
}

/** Becomes aborted on the first SIGINT or SIGTERM, which then ends nothing by itself: the clean-up comes first. */
function interrupted() {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const onSignal = (): void => {
    controller.abort()
    resolve()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    signal: controller.signal,
    promise,
    stop: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

function heading(text: string): void {
  print('')
  print(styleText('bold', text))
}

function print(line: string): void {
  console.log(process.stdout.isTTY ? line : stripVTControlCharacters(line))
}
