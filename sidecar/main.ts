import { EnvironmentError } from '#runtime/env.ts'
import { terminated } from '#runtime/lifetime.ts'
import { createLog } from '#runtime/log.ts'
import { readConfig } from './config.ts'
import { startSidecar } from './sidecar.ts'

/** Runs a sidecar until SIGTERM or SIGINT; answers the exit status. */
export async function run(variables: NodeJS.ProcessEnv = process.env): Promise<number> {
  const log = createLog({ component: 'sidecar' })
  try {
    const config = readConfig(variables)
    log.level = config.logLevel
    const ended = terminated()
    const sidecar = await startSidecar(config, log)
    const signal = await ended
    log.info('told to end', { signal })
    await sidecar.drain()
    return 0
  } catch (error) {
    if (error instanceof EnvironmentError) for (const problem of error.problems) log.error(problem)
    else log.error('the sidecar cannot run', { error })
    return 1
  }
}

if (import.meta.main) process.exit(await run())
