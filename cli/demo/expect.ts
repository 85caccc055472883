/** A check of the story: throws what it expected and what there was. */
export function expect(what: string, actual: unknown, wanted: unknown): void {
  if (actual === wanted) return
  throw new Error(`${what} should be ${JSON.stringify(wanted)}, and is ${JSON.stringify(actual)}`)
}

/** Checks that an attempt fails, and answers how. */
export async function expectRefused(what: string, attempt: () => Promise<unknown>): Promise<string> {
  let answer: unknown
  try {
    answer = await attempt()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
    return cause.message
  }
  throw new Error(`${what} should be refused, and was answered ${JSON.stringify(answer)}`)
}
