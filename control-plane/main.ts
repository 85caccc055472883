import { EnvironmentError } from '#runtime/env.ts'
import { terminated } from '#runtime/lifetime.ts'
import { createLog } from '#runtime/log.ts'
import { type ControlPlaneConfig, readConfig } from './config.ts'
import { runControlPlane } from './control-plane.ts'

/** Runs the control plane until SIGTERM or SIGINT; answers the exit status. */
export async function run(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const config = configure(env)
  if (!config) return 2
  const log = createLog({ component: 'control-plane', level: config.logLevel })
  const lifetime = new AbortController()
  void terminated().then((signal) => {
    log.info('ending', { signal })
    lifetime.abort()
  })
  try {
    await runControlPlane(config, { log, signal: lifetime.signal })
    return 0
  } catch (error) {
    // Told to end while it waited for something at its start.
    if (lifetime.signal.aborted) return 0
    log.error('the control plane cannot go on', { error })
    return 1
  }
}

function configure(env: NodeJS.ProcessEnv): ControlPlaneConfig | undefined {
  try {
    return readConfig(env)
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    console.error(error.message)
    return undefined
  }
}

if (import.meta.main) process.exitCode = await run()
