import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { AnswerTooLarge, boundedText, type PageOf, pages } from './pages.ts'

/** Reads so many objects of a list, of which a page with more than `room` is too large. */
async function readAll(count: number, room: number) {
  const limits: number[] = []
  const read = async ({ limit, from = '0' }: PageOf) => {
    limits.push(limit)
    const begin = Number(from)
    const end = Math.min(begin + limit, count)
    if (end - begin > room) throw new AnswerTooLarge('too large')
    return { objects: numbers(begin, end), next: end < count ? String(end) : undefined }
  }
  const objects: number[] = []
  for await (const page of pages(read, { what: 'things', size: 20 })) objects.push(...page.objects)
  return { objects, limits }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

describe('a list', () => {
  test('is read page by page', async () => {
    expect(await readAll(45, 20)).toEqual({ objects: numbers(0, 45), limits: [20, 20, 20] })
  })

  test('goes on in smaller pages after one that was too large', async () => {
    expect(await readAll(17, 6)).toEqual({ objects: numbers(0, 17), limits: [20, 10, 5, 5, 5, 5] })
  })

  test('is read one by one where it must be, and no further', async () => {
    expect((await readAll(3, 1)).objects).toEqual([0, 1, 2])
    await expect(readAll(3, 0)).rejects.toMatchObject({
      name: 'AnswerTooLarge',
      message: 'one of the things alone is too large to be read',
    })
  })

  test('is not asked again for any other failure', async () => {
    const read = () => Promise.reject(new Error('away'))
    const reading = pages(read, { what: 'things', size: 20 }).next()
    await expect(reading).rejects.toThrow('away')
  })
})

test('a text is read up to its bound, and what brings more is let go', async () => {
  expect(await boundedText(Readable.from([Buffer.from('grö'), Buffer.from('ßer')]), 8)).toBe('größer')
  const body = Readable.from([Buffer.from('grö'), Buffer.from('ßer'), Buffer.from('.')])
  await expect(boundedText(body, 7)).rejects.toBeInstanceOf(AnswerTooLarge)
  expect(body.destroyed).toBe(true)
})
