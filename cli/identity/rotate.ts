import { rotationEntry, rotationKey } from '#mesh/identity-requests.ts'
import { Failure } from '../failure.ts'
import { describeProgress, short } from './describe-rotation.ts'
import { follow } from './follow-rotation.ts'
import { readRotation } from './read-rotation.ts'
import { flagsOfTarget, openTarget, type TargetChoice } from './target.ts'

const command = 'weft identity rotate'

export interface RotateRequest {
  readonly choice: TargetChoice
  /** Whether to follow until the old root is gone. */
  readonly wait: boolean
}

/** Asks for another root, and tells how that goes on; rejects with Failure while a rotation is under way. */
export async function rotate({ choice, wait }: RotateRequest): Promise<void> {
  const target = await openTarget(command, choice)
  const before = await readRotation(command, target)
  if (before.phase !== 'stable') {
    throw new Failure(
      `${command}: a rotation is under way, ${before.phase} since ${before.since}, and no other was asked for: ` +
        `follow this one with weft identity status --watch${flagsOfTarget(choice)}`,
      { status: 1 },
    )
  }
  if (before.roots[0]?.plugged) {
    throw new Failure(
      `${command}: the root came with the certificate authority that is plugged in: plug in another one, whose root ` +
        'then follows by itself',
      { status: 1 },
    )
  }
  const { [rotationKey]: pending } = await target.requests()
  if (pending !== undefined && pending !== before.handled) {
    throw new Failure(
      `${command}: it was asked for at ${pending}, and the control plane has not begun yet: does it run?`,
      { status: 1 },
    )
  }
  const [key, asked] = rotationEntry(Date.now())
  await target.write({ [key]: asked })
  say(`asked for another root in ${target.place}`)
  if (!wait) return
  for await (const status of follow(() => readRotation(command, target))) {
    if (status.handled !== asked) continue
    if (status.phase === 'stable') {
      say(`done: root ${short(status.roots[0]!.fingerprint)} is the only one`)
      return
    }
    say(describeProgress(status, Date.now()))
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
