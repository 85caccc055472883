import { spawnSync } from 'node:child_process'
import { chmod, copyFile, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { type Site, serverAddresses } from './peer.ts'

/** Opens the network on which every pair stands; disposing its mesh takes everything away, as an interrupt does. */
export async function openSite(): Promise<Site> {
  allowManyFiles()
  const mesh = await startMesh({ namespace: 'bench', sidecars: { WEFT_LOG_LEVEL: 'warn' } })
  const directory = join(dirname(mesh.registry.path), 'bench')
  await mkdir(directory, { mode: 0o755 })
  return new BenchSite(mesh, directory)
}

class BenchSite implements Site {
  readonly mesh: Mesh
  readonly directory: string
  readonly #executables = new Map<string, Promise<string>>()
  #servers = 0

  constructor(mesh: Mesh, directory: string) {
    this.mesh = mesh
    this.directory = directory
  }

  serverAddresses(): readonly IpAddress[] {
    const third = 200 + this.#servers++
    return Array.from({ length: serverAddresses }, (_, n) => parseIp(`10.77.${third}.${n + 1}`)!)
  }

  async executable(path: string): Promise<string> {
    const known = this.#executables.get(path)
    if (known) return await known
    const copied = this.#copy(path)
    this.#executables.set(path, copied)
    return await copied
  }

  async #copy(path: string): Promise<string> {
    const there = join(this.directory, `${this.#executables.size}-${basename(path)}`)
    await copyFile(path, there)
    await chmod(there, 0o755)
    return there
  }
}

/** A proxy needs two descriptors for each of 10 000 connections; what this process may open its children may as well. */
function allowManyFiles(): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', `${process.pid}`, '--nofile=65536:65536'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`cannot raise the limit of open files to 65536: ${stderr?.trim()}`)
}
