import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('corpus/', import.meta.url).pathname

/** The kept inputs of a target, in the order of their names. */
export function kept(target: string): Buffer[] {
  const folder = join(root, target)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)))
}

/** Keeps an input under a name of its content; answers the file. A `prefix` such as `found-` says where it is from. */
export function keep(target: string, input: Buffer, prefix = ''): string {
  const folder = join(root, target)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, prefix + createHash('sha256').update(input).digest('hex').slice(0, 16))
  writeFileSync(file, input)
  return file
}
