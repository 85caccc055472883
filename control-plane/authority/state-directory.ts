import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The files that outlive the process: keys, certificates, tokens. Names are relative, with `/`. */
export class StateDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The file's text; undefined when it does not exist. */
  async read(name: string): Promise<string | undefined> {
    return readFile(join(this.path, name), 'utf8').catch(absent)
  }

  /**
   * Replaces the file whole: a reader finds the old text or the new. With `durable` it is on disk before this resolves,
   * so that a crash finds the same; what is rewritten at every start need not wait for that.
   */
  async write(name: string, text: string, mode: 0o600 | 0o644, { durable = true } = {}): Promise<void> {
    const path = join(this.path, name)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    // One name for each file, so that what a crash left behind is overwritten by the next write.
    const temporary = join(dirname(path), `.${basename(path)}.tmp`)
    try {
      await writeFile(temporary, text, mode, durable)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true, recursive: true })
  }

  /** Names of what a folder holds; none when it does not exist. */
  async list(name: string): Promise<string[]> {
    return (await readdir(join(this.path, name)).catch(absent)) ?? []
  }
}

async function writeFile(path: string, text: string, mode: number, durable: boolean): Promise<void> {
  await using file = await open(path, 'w', mode)
  // The umask may have narrowed the mode; a public file must be readable by the sidecars' user.
  await file.chmod(mode)
  await file.writeFile(text)
  if (durable) await file.sync()
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}
