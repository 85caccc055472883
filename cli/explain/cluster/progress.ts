/** Says on standard error how much was read so far, where that takes long enough to be wondered about. */
export class Progress implements Disposable {
  readonly #what: string
  readonly #timer: NodeJS.Timeout
  readonly #terminal = process.stderr.isTTY
  #count = 0
  #told = false

  /** `what` begins the line. */
  constructor(what: string) {
    this.#what = what
    // A log gets fewer lines than a terminal, which has only one.
    this.#timer = setInterval(() => this.#tell(), this.#terminal ? 250 : 2_000)
  }

  add(): void {
    this.#count += 1
  }

  #tell(): void {
    const text = `${this.#what}: ${this.#count} objects so far`
    process.stderr.write(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`)
    this.#told = true
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#terminal && this.#told) process.stderr.write('\r\x1b[K')
  }
}
