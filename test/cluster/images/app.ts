import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toolsImage } from './base.ts'
import type { ImageStore } from './store.ts'

/** Has the tests' applications in /apps, Node as `node`, and a shell. */
export const appImage = 'weft.test/app:1'

const sources = ['../../harness/apps', '../apps'].map((path) => new URL(path, import.meta.url).pathname)

/** Builds the image of the tests' applications. */
export async function buildAppImage(store: ImageStore, scratch: string): Promise<string> {
  const context = join(scratch, 'app')
  rmSync(context, { recursive: true, force: true })
  for (const source of sources) cpSync(source, join(context, 'apps'), { recursive: true })
  const file = join(context, 'Containerfile')
  const instructions = [
    `FROM ${toolsImage}`,
    'COPY apps /apps',
    'ENV PATH=/nodejs/bin:/usr/bin:/bin',
    'WORKDIR /apps',
    'USER 65532:65532',
    'CMD ["node", "/apps/http-server.ts"]',
  ]
  writeFileSync(file, `${instructions.join('\n')}\n`)
  await store.build({ image: appImage, context, file })
  return appImage
}
