import { print } from '../output.ts'
import { ask, type Request } from './ask.ts'
import { atSidecar } from './at-sidecar.ts'
import type { Question } from './question.ts'

export interface Showing<T> extends Request<T> {
  /** The part of the answer that is wanted as JSON; all of it by default. */
  readonly select?: (document: unknown) => unknown
  readonly describe: (answer: T) => string
}

/** Asks a sidecar, wherever it is, and writes its answer; answers the exit status. */
export async function show<T>(
  { output, ...where }: Question,
  { select = (document) => document, describe, ...request }: Showing<T>,
): Promise<number> {
  return await atSidecar(where, { command: 'weft proxy' }, async (door) => {
    const { document, parsed } = await ask(door, request)
    print(
      output,
      () => select(document),
      () => describe(parsed),
    )
    return 0
  })
}
