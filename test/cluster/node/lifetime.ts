import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hierarchies } from './mounts.ts'
import { makePlace, type Place } from './place.ts'

const boot = new URL('boot.ts', import.meta.url).pathname

/**
 * Brings a cluster up in namespaces of its own, telling each step through `say`. It ends with this process, however this
 * one ends, unless it `stays`. Rejects, and leaves nothing running, when a part of it does not come up.
 */
export async function startNode(
  place: Place,
  programs: string,
  { stays, say }: { readonly stays: boolean; readonly say: (line: string) => void },
): Promise<void> {
  if (isRunning(place))
    throw new Error(`a cluster named ${place.name} runs already: name another, or take it down`)
  // What one that was killed left behind.
  await stopNode(place)
  makePlace(place)
  const file = join(place.logs, 'boot.log')
  const log = openSync(file, 'w')
  const namespaces = [
    '--mount',
    '--net',
    '--uts',
    '--ipc',
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child=KILL',
  ]
  // The shell is the first process of the namespace, and as such buries what the container runtime orphans; what it
  // starts in the background it would leave without standard input.
  const shell = ['sh', '-c', 'exec 3<&0; "$@" <&3 & wait "$!"', 'sh']
  const node = [process.execPath, boot, place.name, programs, stays ? 'stays' : 'follows']
  const child = spawn('unshare', [...namespaces, ...shell, ...node], {
    detached: true,
    stdio: [stays ? 'ignore' : 'pipe', log, log],
  })
  await new Promise((resolve, reject) => child.once('spawn', () => resolve(undefined)).once('error', reject))
  writeFileSync(place.pidFile, `${child.pid}\n`)
  child.stdin?.on('error', () => {})
  child.unref()
  try {
    await untilReady(child, file, say)
  } catch (error) {
    await stopNode(place)
    throw error
  }
}

/** Ends a cluster and removes all that it left on the machine; harmless when there is none. */
export async function stopNode(place: Place): Promise<void> {
  const pid = runningPid(place)
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
  const deadline = Date.now() + 20_000
  while (isRunning(place) || !removeControlGroups(place)) {
    if (Date.now() > deadline)
      throw new Error(`cluster ${place.name} does not end; its state is in ${place.root}`)
    await sleep(100)
  }
  rmSync(place.root, { recursive: true, force: true })
}

/** The command, run in the network namespace of the cluster's first node. */
export function inside(place: Place, command: readonly string[]): string[] {
  const holder = runningPid(place)
  if (holder === undefined) throw new Error(`no cluster named ${place.name} runs`)
  const first = readFileSync(`/proc/${holder}/task/${holder}/children`, 'utf8').trim().split(' ')[0]
  if (!first) throw new Error(`cluster ${place.name} is ending`)
  return ['nsenter', '--target', first, '--net', '--', ...command]
}

export function isRunning(place: Place): boolean {
  return runningPid(place) !== undefined
}

function runningPid(place: Place): number | undefined {
  if (!existsSync(place.pidFile)) return undefined
  const pid = Number(readFileSync(place.pidFile, 'utf8'))
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.includes(boot) && words.includes(place.name) ? pid : undefined
  } catch {
    return undefined
  }
}

async function untilReady(child: ChildProcess, file: string, say: (line: string) => void): Promise<void> {
  let told = 0
  for (;;) {
    const ended = child.exitCode !== null || child.signalCode !== null
    const lines = readFileSync(file, 'utf8').split('\n')
    for (; told < lines.length - 1; told += 1) {
      if (lines[told] === 'ready') return
      say(lines[told]!)
    }
    if (ended) throw new Error(`the cluster did not come up:\n${lines.slice(-30).join('\n')}`)
    await sleep(100)
  }
}

/** Whether they are gone; a group goes only when the last of its processes has. */
function removeControlGroups(place: Place): boolean {
  return hierarchies().every((hierarchy) => removeGroup(join(hierarchy, `/weft-${place.name}`)))
}

function removeGroup(directory: string): boolean {
  if (!existsSync(directory)) return true
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeGroup(join(directory, entry.name))) return false
  }
  try {
    rmdirSync(directory)
    return true
  } catch {
    return false
  }
}
