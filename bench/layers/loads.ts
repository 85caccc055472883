import type { Leg } from '#sidecar/proxy/leg.ts'
import type { Carrier } from './ends.ts'

const message = Buffer.alloc(1_024, 'request ')
const bulkChunk = Buffer.alloc(64 * 1024, 'weft')

/** Latencies in milliseconds, in no order, and how long it all took. */
export interface Latencies {
  readonly latencies: number[]
  readonly seconds: number
}

/** One stream that asks and waits for 1 KB echoes, one at a time. */
class Asker {
  readonly #leg: Leg
  #missing = 0
  #answered: (() => void) | undefined

  constructor(leg: Leg) {
    this.#leg = leg
    leg.read({
      data: (bytes) => {
        this.#missing -= bytes.length
        if (this.#missing === 0) this.#answered?.()
      },
      ended: () => {},
      aborted: (cause) => {
        throw cause
      },
      drained: () => {},
      closed: () => {},
    })
    leg.resume()
  }

  ask(answered: () => void): void {
    this.#answered = answered
    this.#missing = message.length
    this.#leg.write(message)
  }

  end(): void {
    this.#leg.end()
  }
}

async function askers(carrier: Carrier, count: number): Promise<Asker[]> {
  return Promise.all(Array.from({ length: count }, async () => new Asker(await carrier.open('echo'))))
}

/** `count` streams that ask again as soon as they are answered. */
export async function closedLoop(carrier: Carrier, count: number, seconds: number): Promise<Latencies> {
  const all = await askers(carrier, count)
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1_000
  await Promise.all(
    all.map(
      (asker) =>
        new Promise<void>((resolve) => {
          const next = (): void => {
            const asked = performance.now()
            asker.ask(() => {
              const now = performance.now()
              latencies.push(now - asked)
              if (now < end) next()
              else resolve()
            })
          }
          next()
        }),
    ),
  )
  for (const asker of all) asker.end()
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

/** `rate` requests a second, whether or not the answers keep up; latency counts from when each was due. */
export async function openLoop(
  carrier: Carrier,
  count: number,
  rate: number,
  seconds: number,
): Promise<Latencies> {
  const idle = await askers(carrier, count)
  const all = [...idle]
  const late: number[] = []
  const latencies: number[] = []
  const total = rate * seconds
  const start = performance.now()
  let due = 0
  await new Promise<void>((resolve) => {
    const dispatch = (asker: Asker, at: number): void => {
      asker.ask(() => {
        latencies.push(performance.now() - at)
        if (latencies.length === total) return resolve()
        const waiting = late.shift()
        if (waiting === undefined) idle.push(asker)
        else dispatch(asker, waiting)
      })
    }
    // The loop spins between requests, since a timer's millisecond is longer than what is measured.
    const tick = (): void => {
      const now = performance.now()
      for (; due < total && start + (due * 1_000) / rate <= now; due++) {
        const at = start + (due * 1_000) / rate
        const asker = idle.pop()
        if (asker) dispatch(asker, at)
        else late.push(at)
      }
      if (due < total) setImmediate(tick)
    }
    tick()
  })
  for (const asker of all) asker.end()
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

/** Streams that carry one exchange each, `count` at a time. */
export async function churn(carrier: Carrier, count: number, seconds: number): Promise<Latencies> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1_000
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const asked = performance.now()
      const asker = new Asker(await carrier.open('echo'))
      await new Promise<void>((resolve) => asker.ask(resolve))
      asker.end()
      latencies.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: count }, worker))
  return { latencies, seconds: (performance.now() - start) / 1_000 }
}

/** Bytes that `count` streams carried one way, and how long that took. */
export async function bulk(
  carrier: Carrier,
  direction: 'upload' | 'download',
  count: number,
  bytes: number,
): Promise<{ bytes: number; seconds: number }> {
  const legs = await Promise.all(
    Array.from({ length: count }, () => carrier.open(direction === 'upload' ? 'sink' : 'source')),
  )
  const start = performance.now()
  const each = bytes / count
  await Promise.all(legs.map((leg) => (direction === 'upload' ? upload(leg, each) : download(leg, each))))
  return { bytes, seconds: (performance.now() - start) / 1_000 }
}

/** Done when the far end, which ends once it has everything, has ended. */
function upload(leg: Leg, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes
    const send = (): void => {
      while (left > 0) {
        left -= bulkChunk.length
        if (!leg.write(bulkChunk) && left > 0) return
      }
      leg.end()
    }
    leg.read({ data: () => {}, ended: resolve, aborted: reject, drained: send, closed: () => {} })
    leg.resume()
    send()
  })
}

function download(leg: Leg, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes
    const data = (piece: Buffer): void => {
      left -= piece.length
      if (left > 0) return
      resolve()
      leg.abort(new Error('enough'))
    }
    leg.read({ data, ended: () => {}, aborted: reject, drained: () => {}, closed: () => {} })
    leg.resume()
  })
}
