import { crc32 } from 'node:zlib'

export interface Tick {
  /** From 1. */
  readonly number: number
  /** Over all numbers so far, so that a lost, repeated or changed line shows in every later one. */
  readonly checksum: number
}

export function nextTick({ number, checksum }: Tick): Tick {
  return { number: number + 1, checksum: crc32(`${number + 1}`, checksum) }
}
