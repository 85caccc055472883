import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionFault } from './connection-fault.ts'
import { type FrameHandler, FrameParser } from './frame-parser.ts'
import { flag, frameType, smallestMaxFrameSize } from './protocol.ts'
import { frame } from './testing/raw-peer.ts'

/** What a parser told, with pieces put together, so that how chunks were cut does not show. */
class Transcript implements FrameHandler {
  readonly lines: string[] = []
  #data = ''
  #padding = 0

  dataHead(streamId: number, length: number, endStream: boolean): void {
    this.lines.push(`data ${streamId} ${length} ${endStream}`)
    this.#data = ''
    this.#padding = 0
  }
  dataBytes(bytes: Buffer): void {
    this.#data += bytes.toString('hex')
  }
  dataPadding(length: number): void {
    this.#padding += length
  }
  dataEnd(endStream: boolean): void {
    this.lines.push(`${this.#data} and ${this.#padding} ${endStream}`)
  }
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.lines.push(`${type} ${flags} ${streamId} ${payload.toString('hex')}`)
  }
  unknownFrame(): void {
    this.lines.push('unknown')
  }
}

function transcribe(bytes: Buffer, cuts: readonly number[]): string[] {
  const transcript = new Transcript()
  const parser = new FrameParser(transcript, smallestMaxFrameSize)
  let at = 0
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    const end = Math.min(cut, bytes.length)
    parser.feed(bytes.subarray(at, end))
    at = end
  }
  return transcript.lines
}

const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const plainFrame = fc
  .record({
    type: fc.integer({ min: 0, max: 12 }),
    flags: fc.integer({ min: 0, max: 255 }),
    streamId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    payload,
  })
  .map(({ type, flags, streamId, payload }) => {
    const padded = type === frameType.data && (flags & flag.padded) !== 0
    const body = padded ? Buffer.concat([Buffer.of(7), payload, Buffer.alloc(7)]) : payload
    return frame(type, flags, streamId, body)
  })

test('tells the same of frames however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(plainFrame, { maxLength: 20 }),
      fc.array(fc.nat(3_000), { maxLength: 40 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames)
        const whole = transcribe(bytes, [])
        expect(transcribe(bytes, cuts)).toEqual(whole)
        expect(
          transcribe(
            bytes,
            Array.from(bytes, (_, i) => i),
          ),
        ).toEqual(whole)
      },
    ),
    { numRuns: 200 },
  )
})

test('throws nothing but faults at any bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), (chunks) => {
      const parser = new FrameParser(new Transcript(), smallestMaxFrameSize)
      try {
        for (const chunk of chunks) parser.feed(Buffer.from(chunk))
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionFault)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('passes views of the chunk on, not copies', () => {
  const seen: Buffer[] = []
  const transcript = Object.assign(new Transcript(), { dataBytes: (bytes: Buffer) => void seen.push(bytes) })
  const chunk = Buffer.concat([frame('data', 0, 1, 'one'), frame('data', 0, 3, 'two')])
  new FrameParser(transcript, smallestMaxFrameSize).feed(chunk)
  expect(seen.map(String)).toEqual(['one', 'two'])
  expect(seen.every(({ buffer }) => buffer === chunk.buffer)).toBe(true)
})
