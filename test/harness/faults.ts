import { spawnSync } from 'node:child_process'
import { globSync, writeFileSync } from 'node:fs'
import type { IpAddress } from '#mesh/address.ts'
import { sidecarUid } from '#mesh/ports.ts'
import type { Workload } from './workload.ts'

/** Something that is wrong with the world until it is disposed. */
export interface Fault extends AsyncDisposable {
  heal(): Promise<void>
}

/** Nothing gets through between a pod and these addresses, in either direction, and nobody is told. */
export async function partition(pod: Workload, ...others: readonly (IpAddress | string)[]): Promise<Fault> {
  const drop = ['-j', 'DROP']
  return await withRules(
    pod,
    others.flatMap((ip) => [
      // On the way in and out only: to its application the sidecar speaks with their addresses.
      ['INPUT', '-i', 'eth0', '-s', ip, ...drop],
      ['OUTPUT', '-o', 'eth0', '-d', ip, ...drop],
    ]),
  )
}

/** So many of the packets that come to a pod are lost, from 0 to 1. */
export async function loss(pod: Workload, probability: number): Promise<Fault> {
  const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(probability)]
  return await withRules(pod, [['INPUT', '-i', 'eth0', ...random, '-j', 'DROP']])
}

async function withRules(pod: Workload, rules: readonly (readonly string[])[]): Promise<Fault> {
  const each = async (action: '-I' | '-D'): Promise<void> => {
    for (const [chain, ...rule] of rules) {
      await pod.run(['iptables', '-w', action, chain!, ...rule], { uid: 0 })
    }
  }
  await each('-I')
  return fault(async () => await each('-D'))
}

/** Lets a running sidecar have so many open files; what it had is given back. */
export function openFiles({ sidecar }: Workload, limit: number): Fault {
  const { pid } = sidecar.process
  const before = prlimit(pid, ['--nofile', '--output', 'SOFT,HARD', '--noheadings']).trim().split(/\s+/)
  prlimit(pid, [`--nofile=${limit}:${before[1]}`])
  return fault(async () => void prlimit(pid, [`--nofile=${before[0]}:${before[1]}`]))
}

/** From now on the process cannot write one byte to a file; sockets, pipes and what is mapped already are none. */
export function writeNoFile(pid: number): Fault {
  prlimit(pid, ['--fsize=0:unlimited'])
  return fault(async () => void prlimit(pid, ['--fsize=unlimited:unlimited']))
}

function prlimit(pid: number, options: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('prlimit', [`--pid=${pid}`, ...options], {
    encoding: 'utf8',
    // Its own user may do it, where root is not allowed everything.
    uid: sidecarUid,
    gid: sidecarUid,
  })
  if (status !== 0) throw new Error(`prlimit ${options.join(' ')}: ${stderr}`)
  return stdout
}

/** A clock that can be put forward and back under a process, by libfaketime; only the time of day, as an operator would. */
export class Clock {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.set('+0')
  }

  /** Environment of the process that is to go by it, which `program` starts. */
  get env(): Readonly<Record<string, string>> {
    return {
      WEFT_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** What a sidecar with such a clock is started as. */
  get program(): readonly string[] {
    return ['/checkout/test/harness/apps/preloaded.ts', '/mnt/sidecar/main.ts']
  }

  /** How far it is from the true time, e.g. `+2h` or `-10m`. */
  set(offset: string): void {
    writeFileSync(this.#file, `${offset}\n`)
  }
}

/** Where Debian's libfaketime is, whatever the machine's architecture. */
function library(): string {
  const path = globSync('/usr/lib/*/faketime/libfaketime.so.1')[0]
  if (path === undefined) throw new Error('libfaketime.so.1 is not where Debian’s faketime package has it')
  return path
}

/** A small disk in the place of a directory, which keeps its owner. Linux calls it tmpfs. */
export function smallDisk(directory: string, owner: number, size: string): Disposable {
  const options = `size=${size},uid=${owner},gid=${owner},mode=755`
  run('mount', ['-t', 'tmpfs', '-o', options, 'weft-test', directory])
  return { [Symbol.dispose]: () => run('umount', ['-l', directory]) }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

function fault(heal: () => Promise<void>): Fault {
  let done = false
  const once = async (): Promise<void> => {
    if (done) return
    done = true
    await heal()
  }
  return { heal: once, [Symbol.asyncDispose]: once }
}
