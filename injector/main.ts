import { EnvironmentError } from '#runtime/env.ts'
import { terminated } from '#runtime/lifetime.ts'
import { createLog } from '#runtime/log.ts'
import { type InjectorConfig, readConfig } from './config.ts'
import { runInjector } from './injector.ts'

/** Runs the injector until SIGTERM or SIGINT; answers the exit status. */
export async function run(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const config = configure(env)
  if (!config) return 2
  const log = createLog({ component: 'injector', level: config.logLevel })
  const lifetime = new AbortController()
  void terminated().then((signal) => {
    log.info('ending', { signal })
    lifetime.abort()
  })
  try {
    // Loaded here because it is large, and bad settings are told without it.
    const { kubernetesCluster } = await import('./cluster/kubernetes.ts')
    await runInjector(config, { cluster: kubernetesCluster(env), log, signal: lifetime.signal })
    return 0
  } catch (error) {
    log.error('the injector cannot go on', { error })
    return 1
  }
}

function configure(env: NodeJS.ProcessEnv): InjectorConfig | undefined {
  try {
    return readConfig(env)
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    console.error(error.message)
    return undefined
  }
}

if (import.meta.main) process.exitCode = await run()
