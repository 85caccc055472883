import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { plan } from './plan.ts'

const boot = new URL('boot-second.ts', import.meta.url).pathname

/**
 * Brings the second node up: a machine of its own as far as network, mounts and name go, and among the processes of the
 * first, with which it ends. Rejects when a part of it does not come up.
 */
export async function startSecondNode(cluster: string, programs: string, network: string): Promise<void> {
  const namespaces = ['nsenter', `--net=${network}`, 'unshare', '--mount', '--uts']
  const [program, ...args] = [...namespaces, process.execPath, boot, cluster, programs]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') {
      child.stdout.on('data', (text: Buffer) => process.stdout.write(text))
      return
    }
    console.log(`${plan.nodes[1].name}: ${line}`)
  }
  throw new Error(`${plan.nodes[1].name} did not come up`)
}
