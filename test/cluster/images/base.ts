import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Copied, makeRootFilesystem } from './root-filesystem.ts'
import type { ImageStore } from './store.ts'

/** Stands for a public image with Node and nothing else. */
export const baseImage = 'weft.test/base:1'
/** Stands for a public image with Node, a shell and both kinds of iptables. */
export const toolsImage = 'weft.test/tools:1'

const node: Copied = { from: process.execPath, to: '/nodejs/bin/node' }

const shell: Copied = { from: '/bin/sh', to: '/bin/sh' }

/** Makes images out of this machine's own files, so that none has to come from a registry. */
export async function buildBases(store: ImageStore, scratch: string): Promise<void> {
  await fromFiles(store, join(scratch, 'base'), baseImage, [node])
  await fromFiles(store, join(scratch, 'tools'), toolsImage, [node, shell, ...packetFilters()])
}

/** Builds an image of nothing but these files. */
export async function fromFiles(
  store: ImageStore,
  context: string,
  image: string,
  files: readonly Copied[],
  instructions: readonly string[] = [],
): Promise<void> {
  rmSync(context, { recursive: true, force: true })
  makeRootFilesystem(join(context, 'root'), files)
  const file = join(context, 'Containerfile')
  writeFileSync(file, ['FROM scratch', 'COPY root /', ...instructions, ''].join('\n'))
  await store.build({ image, context, file })
}

function packetFilters(): Copied[] {
  const kinds = ['nft', 'legacy'] as const
  const programs = ['iptables', 'ip6tables'].flatMap((family) =>
    kinds.flatMap((kind) =>
      ['', '-save', '-restore'].map((suffix) => `/usr/sbin/${family}-${kind}${suffix}`),
    ),
  )
  const plugIns = '/usr/lib/x86_64-linux-gnu/xtables'
  const files = [...programs, ...readdirSync(plugIns).map((name) => join(plugIns, name))]
  return files.map((file) => ({ from: file, to: file }))
}
