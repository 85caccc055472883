import { print } from '../output.ts'
import { ask, type Request } from './ask.ts'
import { insideNetns } from './netns.ts'
import type { Question } from './question.ts'

export interface Showing<T> extends Request<T> {
  /** The part of the answer that is wanted as JSON; all of it by default. */
  readonly select?: (document: unknown) => unknown
  readonly describe: (answer: T) => string
}

/** Asks a sidecar, wherever it is, and writes its answer; answers the exit status. */
export async function show<T>(
  { admin, netns, output }: Question,
  { select = (document) => document, describe, ...request }: Showing<T>,
): Promise<number> {
  return await insideNetns(netns, async () => {
    const { document, parsed } = await ask(admin, request)
    print(
      output,
      () => select(document),
      () => describe(parsed),
    )
    return 0
  })
}
