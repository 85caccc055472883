import type { Http2Session } from 'node:http2'

const pingInterval = 10_000
const pingLimit = 20_000

/** Cuts a session whose peer answers no PING any more: every 10 s, 20 s to answer. */
export function watchLiveness(session: Http2Session): void {
  let asked = 0
  const timer = setInterval(() => {
    // Destroyed, and waiting for a peer that may be gone to close its side: nothing can be asked any more.
    if (session.destroyed) return clearInterval(timer)
    if (asked > 0 && Date.now() - asked >= pingLimit) {
      session.destroy(new Error(`the peer answered no PING for ${pingLimit / 1_000} s`))
      return
    }
    if (asked > 0) return
    asked = Date.now()
    session.ping(() => {
      asked = 0
    })
  }, pingInterval)
  timer.unref()
  session.once('close', () => clearInterval(timer))
}
