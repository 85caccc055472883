import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { baseImage, toolsImage } from './base.ts'
import type { ImageStore } from './store.ts'

const checkout = new URL('../../..', import.meta.url).pathname

const components = ['sidecar', 'init', 'control-plane', 'injector'] as const

/** Bundles this checkout and builds its images by its own Dockerfile; answers their names. */
export async function buildProjectImages(store: ImageStore): Promise<string[]> {
  await promisify(execFile)(process.execPath, [join(checkout, 'scripts/bundle.ts')])
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }
  const images: string[] = []
  for (const target of components) {
    const image = `docker.io/weft/${target}:${version}`
    const bases = { BASE: baseImage, INIT_BASE: toolsImage }
    await store.build({
      image,
      context: checkout,
      file: join(checkout, 'Dockerfile'),
      target,
      arguments: bases,
    })
    images.push(image)
  }
  return images
}
