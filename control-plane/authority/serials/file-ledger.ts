import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '#runtime/log.ts'
import type { StateDirectory } from '../state-directory.ts'
import { Batches } from './batches.ts'
import { forgettable, retentionFor } from './retention.ts'
import type { IssuedSerial, SerialLedger } from './serial-ledger.ts'

export const serialsFile = 'serials'

export interface FileLedgerOptions {
  readonly state: StateDirectory
  readonly log: Log
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Keeps serials in a file of the state directory, one a line: `<pod UID> <serial> <seconds since 1970>`. */
export class FileLedger implements SerialLedger, AsyncDisposable {
  readonly #options: FileLedgerOptions
  readonly #byPod: Map<string, IssuedSerial[]>
  readonly #writes: Batches<IssuedSerial | 'compact', void>
  #file: FileHandle
  /** The last write failed: it may have left a part of a line behind, or another file than the one that is open. */
  #torn = false

  private constructor(options: FileLedgerOptions, issued: readonly IssuedSerial[], file: FileHandle) {
    this.#options = options
    this.#byPod = Map.groupBy(issued, ({ podUid }) => podUid)
    this.#file = file
    this.#writes = new Batches((items) => this.#write(items))
  }

  /** Reads the file, without what expired long ago. Rejects when it cannot be read or written. */
  static async open(options: FileLedgerOptions): Promise<FileLedger> {
    const { state, log } = options
    const { issued, unreadable } = parse((await state.read(serialsFile)) ?? '')
    for (const line of unreadable) {
      log.error('a serial cannot be read, and could not be revoked', {
        file: join(state.path, serialsFile),
        line,
      })
    }
    const kept = [...Map.groupBy(issued, ({ podUid }) => podUid).values()].flatMap((ofPod) =>
      keptOf(ofPod, options),
    )
    return new FileLedger(options, kept, await replace(state, kept))
  }

  async record(issued: IssuedSerial): Promise<readonly IssuedSerial[]> {
    await this.#writes.add(issued)
    return this.#of(issued.podUid)
  }

  serialsOf(podUids: ReadonlySet<string>): Promise<readonly IssuedSerial[]> {
    return Promise.resolve([...podUids].flatMap((podUid) => this.#of(podUid)))
  }

  prune(): Promise<void> {
    return this.#writes.add('compact')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  /** What is in memory was written before. */
  async #write(items: readonly (IssuedSerial | 'compact')[]): Promise<void> {
    if (this.#torn) await this.#compact()
    const issued = items.filter((item) => item !== 'compact')
    if (issued.length > 0) await this.#append(issued)
    for (const each of issued) {
      const known = this.#byPod.get(each.podUid)
      if (known) known.push(each)
      else this.#byPod.set(each.podUid, [each])
    }
    if (items.includes('compact')) await this.#compact()
  }

  async #append(issued: readonly IssuedSerial[]): Promise<void> {
    this.#torn = true
    await this.#file.appendFile(issued.map(lineOf).join(''))
    await this.#file.datasync()
    this.#torn = false
  }

  async #compact(): Promise<void> {
    for (const [podUid, issued] of this.#byPod) {
      const kept = keptOf(issued, this.#options)
      if (kept.length === 0) this.#byPod.delete(podUid)
      else this.#byPod.set(podUid, kept)
    }
    this.#torn = true
    const former = this.#file
    this.#file = await replace(this.#options.state, [...this.#byPod.values()].flat())
    this.#torn = false
    await former.close()
  }

  #of(podUid: string): readonly IssuedSerial[] {
    return [...(this.#byPod.get(podUid) ?? [])]
  }
}

function keptOf(
  ofPod: readonly IssuedSerial[],
  { lifetime, now = Date.now }: FileLedgerOptions,
): IssuedSerial[] {
  const forgotten = new Set(forgettable(ofPod, retentionFor(lifetime), now()))
  return ofPod.filter((each) => !forgotten.has(each))
}

/** Writes the file whole, and opens it to be appended to. */
async function replace(state: StateDirectory, issued: readonly IssuedSerial[]): Promise<FileHandle> {
  await state.write(serialsFile, issued.map(lineOf).join(''), 0o600)
  return open(join(state.path, serialsFile), 'a')
}

function lineOf({ podUid, serial, notAfter }: IssuedSerial): string {
  return `${podUid} ${serial} ${Math.ceil(notAfter / 1_000)}\n`
}

function parse(text: string): { issued: IssuedSerial[]; unreadable: number[] } {
  const issued: IssuedSerial[] = []
  const unreadable: number[] = []
  // What follows the last end of line was cut off by a crash, before its certificate was given to anybody.
  for (const [i, line] of text.split('\n').slice(0, -1).entries()) {
    const [, podUid, serial, seconds] = /^(\S+) ([0-9a-f]+) (\d{1,12})$/.exec(line) ?? []
    if (podUid === undefined || serial === undefined) unreadable.push(i + 1)
    else issued.push({ podUid, serial, notAfter: Number(seconds) * 1_000 })
  }
  return { issued, unreadable }
}
