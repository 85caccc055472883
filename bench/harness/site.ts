import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { parseIp } from '#mesh/address.ts'
import { nodeFlags } from '#sidecar/node-flags.ts'
import { startMesh } from '#test/harness/mesh.ts'
import { allowOpenFiles } from './open-files.ts'
import { type Site, serverAddresses } from './peer.ts'

/** Opens the network on which every pair stands; disposing its mesh takes everything away, as an interrupt does. */
export async function openSite(): Promise<Site> {
  allowOpenFiles()
  await buildBundles()
  const mesh = await startMesh({
    namespace: 'bench',
    // What the image runs, not the sources.
    sidecarProgram: [...nodeFlags, '/checkout/dist/sidecar.mjs'],
    sidecars: { WEFT_LOG_LEVEL: 'warn' },
  })
  const directory = join(dirname(mesh.registry.path), 'bench')
  await mkdir(directory)
  await chmod(directory, 0o755)
  let servers = 0
  const executables = new Map<string, Promise<string>>()
  return {
    mesh,
    directory,
    serverAddresses() {
      const third = 200 + servers++
      return Array.from({ length: serverAddresses }, (_, n) => parseIp(`10.77.${third}.${n + 1}`)!)
    },
    async executable(path) {
      const copied =
        executables.get(path) ?? copy(path, join(directory, `${executables.size}-${basename(path)}`))
      executables.set(path, copied)
      return await copied
    },
  }
}

async function copy(from: string, to: string): Promise<string> {
  await copyFile(from, to)
  await chmod(to, 0o755)
  return to
}

async function buildBundles(): Promise<void> {
  const script = join(import.meta.dirname, '../../scripts/bundle.ts')
  await promisify(execFile)(process.execPath, [script])
}
