import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from './place.ts'

/** A long-lived program of the node, e.g. etcd. */
export interface Part {
  readonly name: string
  readonly command: readonly string[]
  /** Whether it does its work; asked again until it is so, or until `patience` milliseconds are over. */
  readonly healthy: () => Promise<boolean>
  readonly patience?: number
}

/** Starts these one after the other, and tells how long each took to be healthy. */
export async function startParts(place: Place, parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    const began = Date.now()
    await startPart(place, part)
    console.log(`${part.name} runs (${((Date.now() - began) / 1_000).toFixed(1)} s)`)
  }
}

/** Starts a part, and resolves when it is healthy; rejects with the end of its log when it ends or takes too long. */
async function startPart(place: Place, part: Part): Promise<void> {
  const file = join(place.logs, `${part.name}.log`)
  const [program, ...args] = part.command
  const log = openSync(file, 'a')
  const child = spawn(program!, args, { stdio: ['ignore', log, log] })
  closeSync(log)
  const ended = endOf(child)
  const patience = part.patience ?? 60_000
  const deadline = Date.now() + patience
  let reason: string | undefined
  void ended.then((how) => {
    reason = how
    console.log(`${part.name} ended: ${how}`)
  })
  while (!(await part.healthy().catch(() => false))) {
    if (reason !== undefined) throw new Error(`${part.name} ended, ${reason}; its log ends:\n${tail(file)}`)
    if (Date.now() > deadline) {
      throw new Error(`${part.name} is not healthy after ${patience / 1_000} s; its log ends:\n${tail(file)}`)
    }
    await sleep(100)
  }
}

/** Whether a GET of this address is answered with 200. */
export async function answers(url: string): Promise<boolean> {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  return status === 200
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `status ${code}` : `by ${signal}`))
  })
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-25).join('\n')
}
