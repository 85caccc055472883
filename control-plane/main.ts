import { runComponent } from '#runtime/component.ts'
import { readConfig } from './config.ts'
import { runControlPlane } from './control-plane.ts'

/** Runs the control plane until SIGTERM or SIGINT; answers the exit status. */
export function run(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return runComponent({ name: 'control-plane', readConfig, run: runControlPlane }, env)
}

if (import.meta.main) process.exitCode = await run()
