import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from '../build/programs.ts'

export interface Build {
  /** With registry and tag, as pods name it. */
  readonly image: string
  /** Directory that the instructions copy from. */
  readonly context: string
  /** Path of the instructions. */
  readonly file: string
  readonly target?: string
  readonly arguments?: Readonly<Record<string, string>>
}

/** Shared by the clusters of this machine. */
export function storeOfMachine(): ImageStore {
  return new ImageStore(join(cacheDirectory(), 'images'))
}

/** Images on this machine, in a directory of their own; nothing is ever pulled. */
export class ImageStore {
  readonly #options: readonly string[]
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    const root = join(directory, 'storage')
    const run = join(directory, 'run')
    this.#options = ['--storage-driver', 'overlay', '--root', root, '--runroot', run]
  }

  async build({ image, context, file, target, arguments: values = {} }: Build): Promise<void> {
    await this.#buildah('build', [
      '--pull-never',
      '--layers',
      '--isolation=chroot',
      `--tag=${image}`,
      `--file=${file}`,
      ...(target === undefined ? [] : ['--target', target]),
      ...Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
      context,
    ])
  }

  /**
   * Writes these images into one OCI layout, in which what they share is there once; answers its directory, which is the
   * caller's to remove.
   */
  async export(images: readonly string[]): Promise<string> {
    const layout = mkdtempSync(join(this.#directory, 'layout-'))
    for (const image of images) {
      await this.#buildah('push', ['--disable-compression', '--quiet', image, `oci:${layout}:${image}`])
    }
    return layout
  }

  async #buildah(command: string, args: readonly string[]): Promise<void> {
    try {
      await promisify(execFile)('buildah', [command, ...this.#options, ...args], { maxBuffer: 1 << 26 })
    } catch (error) {
      const { stderr, stdout } = error as { stderr?: string; stdout?: string }
      throw new Error(`buildah ${command} failed:\n${(stderr || stdout || String(error)).slice(-4_000)}`, {
        cause: error,
      })
    }
  }
}
