import { describe, expect, test } from 'vitest'
import { silentLog } from '#runtime/log.ts'
import { ConfigMaps } from '../../watch/kubernetes/api/testing/config-maps.ts'
import { ConfigMapLedger } from '../kubernetes/config-map-ledger.ts'
import { StateDirectory } from '../state-directory.ts'
import { day, hour, start } from '../testing/authority.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { FileLedger } from './file-ledger.ts'
import type { IssuedSerial, SerialLedger } from './serial-ledger.ts'

interface Kept extends Disposable {
  readonly clock: { now: number }
  /** A process that uses what is kept; on one machine the one before has ended. */
  open(): Promise<SerialLedger>
  /** Entries that are kept, expired ones too. */
  size(): Promise<number>
}

const kinds: readonly (readonly [string, () => Kept])[] = [
  ['a file', inFile],
  ['ConfigMaps', inConfigMaps],
]

function inFile(): Kept {
  const folder = temporaryFolder()
  const clock = { now: start }
  const state = new StateDirectory(folder.path)
  let opened: FileLedger | undefined
  return {
    clock,
    async open() {
      await opened?.[Symbol.asyncDispose]()
      opened = await FileLedger.open({ state, log: silentLog, lifetime: day, now: () => clock.now })
      return opened
    },
    size: async () => ((await state.read('serials')) ?? '').split('\n').length - 1,
    [Symbol.dispose]() {
      void opened?.[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

function inConfigMaps(): Kept {
  const api = new ConfigMaps()
  const clock = { now: start }
  return {
    clock,
    open: async () =>
      new ConfigMapLedger({
        client: api.client,
        namespace: 'weft-system',
        lifetime: day,
        now: () => clock.now,
      }),
    size: async () => [...api.stored.values()].reduce((sum, entries) => sum + entries.size, 0),
    [Symbol.dispose]() {},
  }
}

const pod = '0b7a91f4-8d3c-4c6e-9a51-1f2e3d4c5b6a'
const other = 'f17cbb40-6f1c-4f1e-8f0a-0a1b2c3d4e5f'

function issued(serial: string, { podUid = pod, notAfter = start + 24 * hour } = {}): IssuedSerial {
  return { podUid, serial, notAfter }
}

describe.each(kinds)('a ledger in %s', (_, keep) => {
  test('knows nothing to begin with', async () => {
    using kept = keep()
    expect(await (await kept.open()).serialsOf(new Set([pod]))).toEqual([])
  })

  test('answers every serial of the pod, and no other’s', async () => {
    using kept = keep()
    const ledger = await kept.open()
    await ledger.record(issued('01', { podUid: other }))
    expect(await ledger.record(issued('0a'))).toEqual([issued('0a')])
    expect(await ledger.record(issued('0b'))).toEqual([issued('0a'), issued('0b')])
    expect(await ledger.serialsOf(new Set([pod]))).toEqual([issued('0a'), issued('0b')])
    expect(await ledger.serialsOf(new Set([other]))).toEqual([issued('01', { podUid: other })])
    expect(await ledger.serialsOf(new Set([pod, other, 'nobody']))).toHaveLength(3)
    expect(await ledger.serialsOf(new Set())).toEqual([])
  })

  test('is there for the next process', async () => {
    using kept = keep()
    await (await kept.open()).record(issued('0a'))
    expect(await (await kept.open()).serialsOf(new Set([pod]))).toEqual([issued('0a')])
  })

  test('keeps what expired less than a day ago', async () => {
    using kept = keep()
    const ledger = await kept.open()
    await ledger.record(issued('0a', { notAfter: start + hour }))
    await ledger.record(issued('0b'))
    await ledger.record(issued('01', { podUid: other, notAfter: start + hour }))
    const all = await ledger.record(issued('0c'))
    expect(all).toHaveLength(3)
    // The clock of whoever prunes may be a day ahead, nearly.
    kept.clock.now = start + 25 * hour - 1
    await ledger.prune()
    expect(await kept.size()).toBe(4)
    expect(await ledger.serialsOf(new Set([pod]))).toEqual(all)
    expect(await (await kept.open()).serialsOf(new Set([pod]))).toEqual(all)
  })

  test('forgets what expired a day ago', async () => {
    using kept = keep()
    const ledger = await kept.open()
    await ledger.record(issued('0a', { notAfter: start + hour }))
    await ledger.record(issued('0b'))
    await ledger.record(issued('0c'))
    await ledger.record(issued('01', { podUid: other, notAfter: start + hour }))
    kept.clock.now = start + 25 * hour
    await ledger.prune()
    expect(await kept.size()).toBe(2)
    expect(await ledger.serialsOf(new Set([pod]))).toEqual([issued('0b'), issued('0c')])
    await ledger.record(issued('0d'))
    expect(await (await kept.open()).serialsOf(new Set([pod]))).toHaveLength(3)
  })

  test('takes many at once, and loses none', async () => {
    using kept = keep()
    const ledger = await kept.open()
    const serials = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(4, '0'))
    await Promise.all([...serials.map((serial) => ledger.record(issued(serial))), ledger.prune()])
    expect(new Set((await ledger.serialsOf(new Set([pod]))).map(({ serial }) => serial))).toEqual(
      new Set(serials),
    )
    expect(await (await kept.open()).serialsOf(new Set([pod]))).toHaveLength(500)
  })
})
