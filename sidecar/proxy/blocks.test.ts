import { expect, it } from 'vitest'
import { giveBlock, takeBlock } from './blocks.ts'

it('takes the smallest block that fits, and makes one where none does', () => {
  expect([1, 4_096, 4_097, 65_536, 262_144, 300_000].map((size) => takeBlock(size).length)).toEqual([
    4_096, 4_096, 16_384, 65_536, 262_144, 300_000,
  ])
})

it('uses a block again once it was given back, and never before', () => {
  const [first, second] = [takeBlock(65_536), takeBlock(65_536)]
  expect(first.buffer).not.toBe(second.buffer)
  giveBlock(first)
  expect(takeBlock(60_000).buffer).toBe(first.buffer)
  expect(takeBlock(60_000).buffer).not.toBe(first.buffer)
})

it('keeps a bounded amount of free memory', () => {
  const blocks = Array.from({ length: 100 }, () => takeBlock(65_536))
  for (const block of blocks) giveBlock(block)
  const again = Array.from({ length: 100 }, () => takeBlock(65_536))
  expect(again.filter((block) => blocks.includes(block)).length).toBe(16)
})
