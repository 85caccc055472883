/** An answer that is more than whoever asked has room for. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge'
}

/** Which page is asked for: so many objects at most, from where the page before ended. */
export interface PageOf {
  readonly limit: number
  readonly from: string | undefined
}

/** What is kept of a page, and where the next one begins; undefined after the last. */
export interface Page {
  readonly next: string | undefined
}

export interface PagesOptions {
  /** The objects, in messages, e.g. `pods`. */
  readonly what: string
  /** Objects a page at first. */
  readonly size: number
}

/**
 * A list, page by page. One that is too large is asked for again with half as many objects, and the rest of the list goes
 * on so. Throws what `read` does, and AnswerTooLarge when one object alone is too large.
 */
export async function* pages<P extends Page>(
  read: (page: PageOf) => Promise<P>,
  { what, size }: PagesOptions,
): AsyncGenerator<P> {
  let asked: PageOf = { limit: size, from: undefined }
  for (;;) {
    const { page, limit } = await readHalving(read, asked, what)
    yield page
    if (page.next === undefined) return
    asked = { limit, from: page.next }
  }
}

async function readHalving<P>(read: (page: PageOf) => Promise<P>, { limit, from }: PageOf, what: string) {
  for (let fewer = limit; ; fewer = Math.floor(fewer / 2)) {
    try {
      return { page: await read({ limit: fewer, from }), limit: fewer }
    } catch (error) {
      if (!(error instanceof AnswerTooLarge)) throw error
      if (fewer > 1) continue
      throw new AnswerTooLarge(`one of the ${what} alone is too large to be read`, { cause: error })
    }
  }
}

/** A body as text. Throws AnswerTooLarge as soon as it is over `limit` bytes, and ends it then. */
export async function boundedText(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new AnswerTooLarge(`the answer is over ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
