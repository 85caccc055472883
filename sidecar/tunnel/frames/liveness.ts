import type { FrameConnection } from './connection.ts'

const pingInterval = 10_000
const pingLimit = 20_000

/** Cuts a connection whose peer answers no PING any more: every 10 s, 20 s to answer. Returns what stops it. */
export function watchLiveness(connection: Pick<FrameConnection, 'askForLife' | 'destroy'>): () => void {
  let asked = 0
  const timer = setInterval(() => {
    if (asked > 0) {
      if (performance.now() - asked < pingLimit) return
      connection.destroy(new Error(`the peer answered no PING for ${pingLimit / 1_000} s`))
      return
    }
    asked = performance.now()
    connection.askForLife(() => {
      asked = 0
    })
  }, pingInterval)
  timer.unref()
  return () => clearInterval(timer)
}
