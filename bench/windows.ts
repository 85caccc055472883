// What does it bring that a stream whose reader keeps up may be sent 1 MiB at once? node bench/windows.ts
import { Duplex } from 'node:stream'
import { parseSocketAddress } from '#mesh/address.ts'
import { identity } from '#mesh/testing/mesh.ts'
import { defaultLimits } from '#sidecar/tunnel/frames/limits.ts'
import { serveFrames } from '#sidecar/tunnel/frames/server.ts'
import { FrameTunnel } from '#sidecar/tunnel/frames/tunnel.ts'
import { table } from './report/table.ts'

const megabytes = 64
const chunk = Buffer.alloc(64 * 1024, 'weft')

const rows: string[][] = []
for (const delay of [0, 1, 5]) {
  for (const raisedWindow of [256 * 1024, 1024 * 1024]) {
    const { seconds, cpu } = await bulk(delay, raisedWindow)
    const window = `${raisedWindow / 1024} KiB`
    rows.push([`${delay} ms`, window, (megabytes / seconds).toFixed(0), (cpu / megabytes).toFixed(2)])
  }
}
console.log(table(['delay each way', 'window at most', 'MB/s', 'processor ms/MB, both ends'], rows))

/** One stream up, over a connection in memory that takes so many milliseconds each way. */
async function bulk(delay: number, raisedWindow: number): Promise<{ seconds: number; cpu: number }> {
  const [near, far] = delayedPair(delay)
  const { promise: done, resolve } = Promise.withResolvers<void>()
  let received = 0
  serveFrames(
    far,
    ({ accept, leg }) => {
      accept()
      leg.read({
        data(bytes) {
          received += bytes.length
          if (received === megabytes * 1e6) resolve()
        },
        ended: () => {},
        aborted: () => {},
        drained: () => {},
        closed: () => {},
      })
      leg.resume()
    },
    { limits: { ...defaultLimits, raisedWindow } },
  )
  const peer = { identity: identity('backend'), serial: '01', roots: [], notAfter: Number.MAX_SAFE_INTEGER }
  const tunnel = new FrameTunnel(near, { peer, keyExchange: 'none', expires: Number.MAX_SAFE_INTEGER })
  const { leg, reply } = tunnel.open(parseSocketAddress('10.0.0.1:80') as Parameters<typeof tunnel.open>[0])
  await reply
  const started = performance.now()
  const before = process.cpuUsage()
  let left = megabytes * 1e6
  const send = (): void => {
    for (let goesOn = true; goesOn && left > 0; ) {
      const size = Math.min(left, chunk.length)
      left -= size
      goesOn = leg.write(chunk.subarray(0, size))
    }
  }
  const nothing = (): void => {}
  leg.read({ data: nothing, ended: nothing, aborted: nothing, closed: nothing, drained: send })
  send()
  await done
  const seconds = (performance.now() - started) / 1_000
  const { user, system } = process.cpuUsage(before)
  tunnel.destroy(new Error('done'))
  return { seconds, cpu: (user + system) / 1_000 }
}

/** Two ends of a connection without limit of rate. */
function delayedPair(delay: number): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, written) {
        const copy = Buffer.from(bytes)
        if (delay === 0) setImmediate(() => other().push(copy))
        else setTimeout(() => other().push(copy), delay)
        written()
      },
    })
  const near: Duplex = end(() => far)
  const far: Duplex = end(() => near)
  return [near, far]
}
