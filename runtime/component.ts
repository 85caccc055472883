import { EnvironmentError } from './env.ts'
import { terminated } from './lifetime.ts'
import { createLog, type Log, type LogLevel } from './log.ts'

export interface Component<Config> {
  /** What its log lines call it, e.g. `control-plane`. */
  readonly name: string
  /** Throws an EnvironmentError for settings that cannot be used. */
  readonly readConfig: (env: NodeJS.ProcessEnv) => Config
  /** Runs until the signal aborts. */
  readonly run: (
    config: Config,
    running: { readonly log: Log; readonly signal: AbortSignal },
  ) => Promise<void>
}

/** Runs a component until SIGTERM or SIGINT. Answers the exit status: 1 when it could not go on, 2 for bad settings. */
export async function runComponent<Config extends { readonly logLevel: LogLevel }>(
  { name, readConfig, run }: Component<Config>,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  let config: Config
  try {
    config = readConfig(env)
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    console.error(error.message)
    return 2
  }
  const log = createLog({ component: name, level: config.logLevel })
  const lifetime = new AbortController()
  void terminated().then((signal) => {
    log.info('ending', { signal })
    lifetime.abort()
  })
  try {
    await run(config, { log, signal: lifetime.signal })
    return 0
  } catch (error) {
    // Told to end while it waited for something at its start.
    if (lifetime.signal.aborted) return 0
    log.error(`the ${name.replace('-', ' ')} cannot go on`, { error })
    return 1
  }
}
