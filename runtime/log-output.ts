import { constants, fstatSync, openSync, writeSync } from 'node:fs'

/** Bytes of lines that wait for their output at most. */
const limit = 256 * 1024
/** How long lines wait before they are tried again when no other line comes, in milliseconds. */
const pause = 200

/**
 * Standard output as a descriptor that no write waits for. Container runtimes give a pipe, and where its reader stops, a
 * write would stop the whole process with it. It is opened anew, since a flag on descriptor 1 would be everybody's who
 * has it. Anything but a pipe, or one that cannot be opened, is taken as it is.
 */
export function standardOutput(): number {
  const inherited = 1
  try {
    if (!fstatSync(inherited).isFIFO()) return inherited
    return openSync(`/proc/self/fd/${inherited}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return inherited
  }
}

/**
 * Writes lines to a file descriptor, and never throws. What cannot be written, say because the disk is full or nobody reads,
 * waits for the next line, up to 256 KiB of it; what comes beyond that is lost. A line is never broken by another.
 */
export class LogOutput {
  readonly #descriptor: number
  readonly #lost: (lines: number) => void
  readonly #waiting: Buffer[] = []
  #bytes = 0
  #missed = 0
  #again: NodeJS.Timeout | undefined

  /** `lost` is told how many lines were lost as soon as lines can be written again. */
  constructor(descriptor: number, lost: (lines: number) => void) {
    this.#descriptor = descriptor
    this.#lost = lost
  }

  write(text: string): void {
    const line = Buffer.from(text)
    if (this.#bytes + line.length > limit) {
      this.#missed += 1
    } else {
      this.#waiting.push(line)
      this.#bytes += line.length
    }
    this.#flush()
  }

  #flush(): void {
    try {
      for (let line = this.#waiting[0]; line; line = this.#waiting[0]) {
        const written = writeSync(this.#descriptor, line)
        this.#bytes -= written
        if (written < line.length) this.#waiting[0] = line.subarray(written)
        else this.#waiting.shift()
      }
    } catch {
      // There is nowhere to tell it.
      this.#tryAgain()
      return
    }
    const missed = this.#missed
    this.#missed = 0
    if (missed > 0) this.#lost(missed)
  }

  /** For a process that has nothing more to say. */
  #tryAgain(): void {
    if (this.#again) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#flush()
    }, pause).unref()
  }
}
