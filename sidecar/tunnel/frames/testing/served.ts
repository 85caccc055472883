import { duplexPair } from 'node:stream'
import { BufferBudget } from '../../buffer-budget.ts'
import { PeerBudget } from '../../peer-budgets.ts'
import { defaultLimits, type FrameLimits } from '../limits.ts'
import type { PeerGuard } from '../peer-guard.ts'
import { type FrameRequest, type FrameSession, serveFrames } from '../server.ts'
import { RawPeer } from './raw-peer.ts'

export interface Served {
  readonly session: FrameSession
  readonly peer: RawPeer
  readonly requests: FrameRequest[]
  /** What stands for the process's. */
  readonly buffers: BufferBudget
  /** Why the connection ended; `open` while it has not. */
  ending(): 'open' | Error | undefined
}

/** An accepting end in memory, and a peer that may do anything to it. */
export function served(
  onStream: (request: FrameRequest) => void = (request) => request.accept(),
  limits: Partial<FrameLimits> = {},
  buffers = new BufferBudget(),
  guard: PeerGuard = new PeerBudget(),
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
      buffers,
      guard,
      onClosed: (cause) => {
        ending = cause
      },
    },
  )
  return { session, peer: new RawPeer(near, 'client'), requests, buffers, ending: () => ending }
}
