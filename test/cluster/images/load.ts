import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { type Place, placeOfNode } from '../node/place.ts'
import { plan } from '../node/plan.ts'
import { storeOfMachine } from './store.ts'

/** Gives each node of a cluster these images of the machine's store. */
export async function loadImages(place: Place, images: readonly string[]): Promise<void> {
  const layout = await storeOfMachine().export(images)
  try {
    await Promise.all(plan.nodes.map(({ name }) => importInto(placeOfNode(place, name), layout)))
  } finally {
    rmSync(layout, { recursive: true, force: true })
  }
}

async function importInto({ containerd }: Place, layout: string): Promise<void> {
  const tar = spawn('tar', ['-C', layout, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const args = ['--address', containerd, '-n', 'k8s.io', 'image', 'import', '-']
  const load = spawn('ctr', args, { stdio: [tar.stdout, 'ignore', 'inherit'] })
  const [status] = (await once(load, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`the container runtime at ${containerd} did not take the images`)
}
