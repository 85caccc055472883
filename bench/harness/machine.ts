import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { Machine } from '../report/run.ts'
import { openFiles } from './open-files.ts'

/** What the figures were measured on. */
export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memory: totalmem(),
    kernel: release(),
    congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    openFiles: openFiles(),
  }
}
