import { join } from 'node:path'
import { fromFiles } from './base.ts'
import type { ImageStore } from './store.ts'

/** nginx and Prometheus as Debian has them: applications that nobody here wrote. */
export const strangersImage = 'weft.test/strangers:1'

const programs = ['/usr/sbin/nginx', '/usr/bin/prometheus']

/** Builds the image of what stands for applications of others. */
export async function buildStrangersImage(store: ImageStore, scratch: string): Promise<string> {
  const files = programs.map((path) => ({ from: path, to: path }))
  await fromFiles(store, join(scratch, 'strangers'), strangersImage, files, ['USER 65532:65532'])
  return strangersImage
}
