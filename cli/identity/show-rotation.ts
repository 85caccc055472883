import { type Output, print } from '../output.ts'
import { describeRotation } from './describe-rotation.ts'
import { follow } from './follow-rotation.ts'
import { readRotation } from './read-rotation.ts'
import { openTarget, type TargetChoice } from './target.ts'

const command = 'weft identity status'

export interface ShowRequest {
  readonly choice: TargetChoice
  /** Whether to tell it again whenever it changes. */
  readonly watch: boolean
  readonly output: Output
}

/** Tells how the roots stand. */
export async function showRotation({ choice, watch, output }: ShowRequest): Promise<void> {
  const target = await openTarget(command, choice)
  const read = () => readRotation(command, target)
  // Who cannot be asked to begin with is told so, and not tried again.
  const status = await read()
  if (!watch) {
    print(
      output,
      () => status,
      () => describeRotation(status, Date.now()),
    )
    return
  }
  for await (const next of follow(read)) {
    const text = output === 'json' ? JSON.stringify(next) : `${describeRotation(next, Date.now())}\n`
    process.stdout.write(`${text}\n`)
  }
}
