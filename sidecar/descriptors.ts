import { readFileSync } from 'node:fs'

/**
 * Descriptors that connections may take: what the kernel allows this process, less some for its own files, tunnels and
 * endpoints. Beyond what is allowed libuv closes what it accepts without a word, so it must never come to that.
 */
export function descriptorsForConnections(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const allowed = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (allowed === undefined) throw new Error('/proc/self/limits names no limit of open files')
  if (allowed === 'unlimited') return Number.POSITIVE_INFINITY
  return Math.max(1, Number(allowed) - Math.min(512, Math.floor(Number(allowed) / 4)))
}
