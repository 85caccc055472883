import { parseRotationStatus, type RotationStatus, rotationStatusKey } from '#mesh/rotation-status.ts'
import { Failure } from '../failure.ts'
import type { IdentityTarget } from './target.ts'

/** How the rotation stands, as the control plane said last; rejects with Failure where it never said. */
export async function readRotation(
  command: string,
  target: Pick<IdentityTarget, 'status'>,
): Promise<RotationStatus> {
  const { [rotationStatusKey]: text } = await target.status()
  const status = text === undefined ? undefined : parseRotationStatus(text)
  if (status) return status
  throw new Failure(
    `${command}: the control plane has not said how its roots stand: does it run, and is it of this version?`,
    { status: 2 },
  )
}
