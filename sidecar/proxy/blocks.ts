/** Bytes for data that waits to be written: used again once it was, or the collector would run for it. */
const sizes = [4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024] as const
/** Free memory that is kept of each size, in bytes. */
const keptFree = 1024 * 1024

const free: Record<number, Buffer[]> = Object.fromEntries(sizes.map((size) => [size, []]))

/** A block of at least `size` bytes, with anything in it. One of more than 256 KiB is not used again. */
export function takeBlock(size: number): Buffer {
  const fitting = sizes.find((candidate) => candidate >= size)
  if (fitting === undefined) return Buffer.allocUnsafeSlow(size)
  return free[fitting]!.pop() ?? Buffer.allocUnsafeSlow(fitting)
}

/** Gives a block back that nobody reads or writes any more. */
export function giveBlock(block: Buffer): void {
  const blocks = free[block.length]
  if (blocks && blocks.length * block.length < keptFree) blocks.push(block)
}
