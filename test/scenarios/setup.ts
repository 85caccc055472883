import { ensurePrerequisites, testCommands } from '../../scripts/prerequisites.ts'

/** Installs what the scenarios need; fails by name where that is not possible. */
export async function setup(): Promise<void> {
  await ensurePrerequisites(testCommands)
}
