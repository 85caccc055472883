import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export interface ChangesOptions {
  /** Milliseconds without another event after which a change counts as complete. */
  readonly settle?: number
  /** Milliseconds between looks that need no event: the kernel's are lost on some file systems. */
  readonly poll?: number
}

/**
 * Yields at once, then each time the file may have changed, whether written in place or replaced by rename; changes
 * while the reader is busy are one. Never throws; ends when the signal aborts.
 */
export async function* changes(
  path: string,
  signal: AbortSignal,
  options: ChangesOptions = {},
): AsyncGenerator<void> {
  const { settle = 50, poll = 2_000 } = options
  const bell = new Bell()
  using debounce = new Debounce(settle, () => bell.ring())
  // The folder is watched, because a watch on the file stays with the file that a rename has put away.
  let seen = fingerprint(path)
  using folder = new Folder(dirname(path), () => {
    // What else is written in the folder, a log say, must not keep the file waiting for quiet.
    const now = fingerprint(path)
    if (now === seen) return
    seen = now
    debounce.start()
  })
  const timer = setInterval(() => {
    folder.open()
    // Not at once: somebody may be writing just now.
    debounce.start()
  }, poll)
  const stop = () => bell.ring()
  signal.addEventListener('abort', stop)
  try {
    while (!signal.aborted) {
      yield
      await bell.rung()
    }
  } finally {
    clearInterval(timer)
    signal.removeEventListener('abort', stop)
  }
}

/** Differs once the file, or what a link at its place leads to, was written, replaced or taken away. */
function fingerprint(path: string): string {
  try {
    const { dev, ino, size, ctimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${size} ${ctimeNs}`
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}`
  }
}

/** Remembers one ring until somebody has waited for it. */
class Bell {
  #pending = Promise.withResolvers<void>()

  ring(): void {
    this.#pending.resolve()
  }

  async rung(): Promise<void> {
    await this.#pending.promise
    this.#pending = Promise.withResolvers<void>()
  }
}

/** Waits for quiet, but not for ever: a folder in which something is always written must not hide the file. */
class Debounce {
  readonly #settle: number
  readonly #done: () => void
  #timer: NodeJS.Timeout | undefined
  #since = 0

  constructor(settle: number, done: () => void) {
    this.#settle = settle
    this.#done = done
  }

  start(): void {
    const now = performance.now()
    if (!this.#timer) this.#since = now
    else if (now - this.#since > this.#settle * 10) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#done()
    }, this.#settle)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}

/** A watch on a folder that may be missing now, or go and come back. */
class Folder {
  readonly #path: string
  readonly #changed: () => void
  #watcher: FSWatcher | undefined

  constructor(path: string, changed: () => void) {
    this.#path = path
    this.#changed = changed
    this.open()
  }

  /** Does nothing while a watch is open; a folder that is missing is left to the next call. */
  open(): void {
    if (this.#watcher) return
    try {
      this.#watcher = watch(this.#path, this.#changed).on('error', () => this[Symbol.dispose]())
    } catch {
      this.#watcher = undefined
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
