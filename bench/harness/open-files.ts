import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const wanted = 65_536

/** Lets this process and its children open many files, where the machine allows it; answers how many it is now. */
export function allowOpenFiles(): number {
  const limit = `--nofile=${wanted}:${wanted}`
  if (openFiles() < wanted) spawnSync('prlimit', ['--pid', `${process.pid}`, limit], { stdio: 'ignore' })
  return openFiles()
}

export function openFiles(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line)
}

/**
 * How many connections a proxy can hold that has a file for each end of each: fewer than asked for where the machine
 * allows fewer files, and then the same number for every peer.
 */
export function connectionsThatFit(count: number, limit: number = openFiles()): number {
  const others = 500
  return Math.min(count, Math.floor((limit - others) / 2))
}
