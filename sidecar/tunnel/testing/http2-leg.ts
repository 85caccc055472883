import type { Http2Stream } from 'node:http2'
import type { Leg } from '../../proxy/leg.ts'
import { streamLeg } from './stream-leg.ts'

/** A CONNECT stream as a Leg. */
export function http2Leg(stream: Http2Stream): Leg {
  return streamLeg(stream, {
    // destroy with an error sends RST_STREAM with a code and nothing before it. close(code) would send END_STREAM
    // first, and a bare destroy() NO_ERROR: the peer would take either for a whole body.
    reset: (cause) => void stream.destroy(cause),
    // After a lost session or a reset, node:http2 still says 'end' where our own half was ended already.
    wasAborted: () => stream.aborted || (stream.rstCode !== undefined && stream.rstCode !== 0),
    // A stream that closes without a code has sent its END_STREAM; node:http2 destroys it before it says 'finish'.
    wasSent: () => stream.writableEnded,
  })
}
