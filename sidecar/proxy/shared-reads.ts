import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What one read brings at most, in bytes: as much as libuv asks the kernel for. */
const blockSize = 64 * 1024

/**
 * Every socket reads into this one block, since what one read brings is used up before the next read. A block of its
 * own for every read, as Node makes otherwise, is external memory that the collector runs for: with bulk data it took
 * a fifth of the processor time (docs/performance.md).
 */
const block = Buffer.allocUnsafeSlow(blockSize)
/** Enough where memory is short. */
const smallBlock = block.subarray(0, 16 * 1024)
/** As much of it as a socket may use that begins to be read now. */
let own = block

/**
 * Says what a slow reader may cost from now on, in bytes, which is what one read brings: sockets that begin to be read
 * use the whole block, or the small one.
 */
export function readAtMost(size: number): void {
  own = size >= blockSize ? block : smallBlock
}

/** What Node keeps on a socket that is made with its `onread` option, which sockets that were accepted cannot be. */
interface Slots {
  readonly buffer: symbol
  readonly callback: symbol
}

interface ReadingHandle {
  useUserBuffer(buffer: Uint8Array): void
}

const slots = findSlots()

/**
 * Delivers what a socket reads to `onBytes`, from `resume` on. The bytes are lent: they are good until `onBytes`
 * returns, and whoever wants them longer copies them. Ends and errors are the socket's own events. A stream that is no
 * socket of the kernel's brings its own chunks.
 */
export function readShared(socket: Duplex, onBytes: (bytes: Buffer) => void): void {
  // Brings what was read before anybody asked, such as data right behind a handshake.
  socket.on('data', onBytes)
  if (!(socket instanceof Socket)) return
  const into = own
  Object.assign(socket, {
    [slots.buffer]: into,
    [slots.callback]: (size: number) => onBytes(size === into.length ? into : into.subarray(0, size)),
  })
  handleOf(socket)?.useUserBuffer(into)
}

function handleOf(socket: Socket): ReadingHandle | null {
  return (socket as unknown as { readonly _handle: ReadingHandle | null })._handle
}

/** Where Node keeps the option is not documented, so a socket that has it is asked. Throws when the answer is none. */
function findSlots(): Slots {
  const buffer = new Uint8Array(1)
  const callback = (): boolean => true
  const asked = new Socket({ onread: { buffer, callback } }) as unknown as Record<symbol, unknown>
  const keeping = (wanted: unknown) =>
    Object.getOwnPropertySymbols(asked).find((key) => asked[key] === wanted)
  const found = { buffer: keeping(buffer), callback: keeping(callback) }
  if (found.buffer && found.callback) return found as Slots
  throw new Error(
    `Node ${process.version} keeps a socket’s onread option elsewhere; use the Node that weft ships with`,
  )
}
