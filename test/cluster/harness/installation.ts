import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { until } from '../../harness/until.ts'
import { kubectl } from './kubectl.ts'
import { pod } from './manifests.ts'

const main = new URL('../../../cli/main.ts', import.meta.url).pathname

/** `weft install | kubectl apply -f -`, and waits until everything of it is ready. */
export async function installed(...args: readonly string[]): Promise<void> {
  await kubectl(['apply', '-f', '-'], { input: await manifests(args) })
  await ready('weft-control-plane')
  await ready('weft-injector')
  await admitting()
}

/** Waits until the API server reaches the injector, to which kube-proxy leads it a moment after it is ready. */
async function admitting(): Promise<void> {
  const trial = JSON.stringify(pod('trial', { labels: { 'weft.dev/inject': 'true' } }))
  const args = ['create', '--dry-run=server', '-f', '-']
  await until(
    'the webhook to be asked',
    async () => (await kubectl(args, { namespace: 'default', input: trial })) !== '',
    { timeout: 60_000, interval: 500 },
  )
}

/** Takes away what `installed` made. */
export async function removed(): Promise<void> {
  await kubectl(['delete', '--ignore-not-found', '-f', '-'], { input: await manifests([]), timeout: 120_000 })
}

/** Waits until every replica of a component of weft is ready. */
export async function ready(component: 'weft-control-plane' | 'weft-injector'): Promise<void> {
  await kubectl(['rollout', 'status', `deployment/${component}`, '--timeout=90s'], {
    namespace: 'weft-system',
    timeout: 100_000,
  })
}

/** Runs the `weft` command of this checkout; answers its standard output. */
export async function weft(args: readonly string[], input = ''): Promise<string> {
  const running = promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 1 << 26 })
  running.child.stdin!.end(input)
  return (await running).stdout
}

async function manifests(args: readonly string[]): Promise<string> {
  return await weft(['install', ...args])
}
