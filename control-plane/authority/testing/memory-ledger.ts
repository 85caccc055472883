import type { IssuedSerial, SerialLedger } from '../serials/serial-ledger.ts'

/** A ledger that lasts as long as its test, and can be told to fail. */
export class MemoryLedger implements SerialLedger {
  readonly issued: IssuedSerial[] = []
  failing = false

  async record(issued: IssuedSerial): Promise<readonly IssuedSerial[]> {
    if (this.failing) throw new Error('the ledger is away')
    this.issued.push(issued)
    return this.serialsOf(new Set([issued.podUid]))
  }

  async serialsOf(podUids: ReadonlySet<string>): Promise<readonly IssuedSerial[]> {
    if (this.failing) throw new Error('the ledger is away')
    return this.issued.filter(({ podUid }) => podUids.has(podUid))
  }

  async prune(): Promise<void> {}
}
