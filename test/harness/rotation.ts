import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseFlatDocument } from '#mesh/flat-document.ts'
import { identityStatusFile } from '#mesh/identity-requests.ts'
import { parseRotationStatus, type RotationStatus, rotationStatusKey } from '#mesh/rotation-status.ts'
import type { ControlPlane } from './control-plane.ts'
import { type Patience, until } from './until.ts'

/** How the rotation of the root stands, as operators are told; undefined while the control plane has not said. */
export async function rotationOf({ stateDirectory }: ControlPlane): Promise<RotationStatus | undefined> {
  const text = await readFile(join(stateDirectory, identityStatusFile), 'utf8').catch(() => '')
  const entry = parseFlatDocument(text)?.[rotationStatusKey]
  return entry === undefined ? undefined : parseRotationStatus(entry)
}

/** Resolves once a rotation is in the phase, after a request of that name if one is given. */
export async function rotationReaches(
  controlPlane: ControlPlane,
  phase: RotationStatus['phase'],
  patience: Patience = { timeout: 60_000 },
  fits: (status: RotationStatus) => boolean = () => true,
): Promise<RotationStatus> {
  let seen: RotationStatus | undefined
  try {
    return await until(
      `the rotation to be ${phase}`,
      async () => {
        seen = await rotationOf(controlPlane)
        return seen?.phase === phase && fits(seen) ? seen : undefined
      },
      patience,
    )
  } catch (cause) {
    throw new Error(`${(cause as Error).message}; it is ${JSON.stringify(seen)}`, { cause })
  }
}
