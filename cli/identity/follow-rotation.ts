import { setTimeout as delay } from 'node:timers/promises'
import type { RotationStatus } from '#mesh/rotation-status.ts'

/** Milliseconds between looks. */
const interval = 1_000

/** The status as it is, and again whenever it has changed, without end. */
export async function* follow(read: () => Promise<RotationStatus>): AsyncGenerator<RotationStatus, never> {
  let told = ''
  for (;;) {
    const status = await read()
    const text = JSON.stringify(status)
    if (text !== told) yield status
    told = text
    await delay(interval)
  }
}
