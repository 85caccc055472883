// Stands for docker where a user builds the images: `docker build --target TARGET --tag IMAGE CONTEXT`, by buildah and on
// bases of this machine's files, since nothing can be pulled here.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { baseImage, toolsImage } from './base.ts'
import { storeOfMachine } from './store.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string' }, tag: { type: 'string' } },
})
const [command, context, ...rest] = positionals
const { target, tag } = values
if (
  command !== 'build' ||
  context === undefined ||
  rest.length > 0 ||
  target === undefined ||
  tag === undefined
) {
  throw new Error('this knows no more of docker than: build --target TARGET --tag IMAGE CONTEXT')
}
await storeOfMachine().build({
  // As docker reads a name without a registry.
  image: `docker.io/${tag}`,
  context,
  file: join(context, 'Dockerfile'),
  target,
  arguments: { BASE: baseImage, INIT_BASE: toolsImage },
})
