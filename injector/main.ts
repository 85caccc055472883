import { runComponent } from '#runtime/component.ts'
import { readConfig } from './config.ts'
import { runInjector } from './injector.ts'

/** Runs the injector until SIGTERM or SIGINT; answers the exit status. */
export function run(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return runComponent(
    {
      name: 'injector',
      readConfig,
      run: async (config, running) => {
        // Loaded here because it is large, and bad settings are told without it.
        const { kubernetesCluster } = await import('./cluster/kubernetes.ts')
        await runInjector(config, { cluster: kubernetesCluster(env), ...running })
      },
    },
    env,
  )
}

if (import.meta.main) process.exitCode = await run()
