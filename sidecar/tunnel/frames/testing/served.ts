import { duplexPair } from 'node:stream'
import { defaultLimits, type FrameLimits } from '../limits.ts'
import { type FrameRequest, type FrameSession, serveFrames } from '../server.ts'
import { RawPeer } from './raw-peer.ts'

export interface Served {
  readonly session: FrameSession
  readonly peer: RawPeer
  readonly requests: FrameRequest[]
  /** Why the connection ended; `open` while it has not. */
  ending(): 'open' | Error | undefined
}

/** An accepting end in memory, and a peer that may do anything to it. */
export function served(
  onStream: (request: FrameRequest) => void = (request) => request.accept(),
  limits: Partial<FrameLimits> = {},
): Served {
  const [near, far] = duplexPair()
  const requests: FrameRequest[] = []
  let ending: 'open' | Error | undefined = 'open'
  const session = serveFrames(
    far,
    (request) => {
      requests.push(request)
      onStream(request)
    },
    {
      limits: { ...defaultLimits, ...limits },
      onClosed: (cause) => {
        ending = cause
      },
    },
  )
  return { session, peer: new RawPeer(near, 'client'), requests, ending: () => ending }
}
