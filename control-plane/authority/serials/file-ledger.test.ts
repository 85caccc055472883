import { appendFile, type FileHandle, mkdir, open, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { StateDirectory } from '../state-directory.ts'
import { day, hour, start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { FileLedger, serialsFile } from './file-ledger.ts'

const end = start + hour
const line = (serial: string) => `uid-1 ${serial} ${end / 1_000}\n`

async function opened(path: string) {
  const { log, records } = recordingLog()
  const state = new StateDirectory(path)
  const ledger = await FileLedger.open({ state, log, lifetime: day, now: () => start })
  const serials = async () => (await ledger.serialsOf(new Set(['uid-1']))).map(({ serial }) => serial)
  return { state, ledger, records, serials }
}

test('a line that a crash cut off belongs to a certificate that nobody got', async () => {
  using folder = temporaryFolder()
  await writeFile(join(folder.path, serialsFile), `${line('0a')}uid-1 0b 17`)
  const { ledger, records, serials } = await opened(folder.path)
  await using _ = ledger
  await ledger.record({ podUid: 'uid-1', serial: '0c', notAfter: end })
  expect(await serials()).toEqual(['0a', '0c'])
  expect(records).toEqual([])
})

test('a line that cannot be read is told by number, and the others count', async () => {
  using folder = temporaryFolder()
  await appendFile(join(folder.path, serialsFile), `${line('0a')}lost\n${line('0b')}`)
  const { ledger, records, serials } = await opened(folder.path)
  await using _ = ledger
  expect(await serials()).toEqual(['0a', '0b'])
  expect(records).toMatchObject([{ level: 'error', file: join(folder.path, serialsFile), line: 2 }])
})

test('a serial that cannot be kept is told to whoever asked, and is not known', async () => {
  using folder = temporaryFolder()
  const { ledger, serials } = await opened(folder.path)
  await ledger[Symbol.asyncDispose]()
  await expect(ledger.record({ podUid: 'uid-1', serial: '0a', notAfter: end })).rejects.toThrow()
  expect(await serials()).toEqual([])
})

test('half a line that a full disk left behind spoils no other', async () => {
  using folder = temporaryFolder()
  const { ledger, serials } = await opened(folder.path)
  await using _ = ledger
  await ledger.record({ podUid: 'uid-1', serial: '0a', notAfter: end })
  await using probe = await open(join(folder.path, 'probe'), 'w')
  const handles = Object.getPrototypeOf(probe) as FileHandle
  const appendFile = vi.spyOn(handles, 'appendFile').mockImplementationOnce(async function (
    this: FileHandle,
    text,
  ) {
    await this.write((text as string).slice(0, 8))
    throw new Error('no space left on device')
  })
  await expect(ledger.record({ podUid: 'uid-1', serial: '0b', notAfter: end })).rejects.toThrow('no space')
  appendFile.mockRestore()
  await ledger.record({ podUid: 'uid-1', serial: '0c', notAfter: end })
  expect(await serials()).toEqual(['0a', '0c'])
  const { ledger: next, records, serials: after } = await opened(folder.path)
  await using __ = next
  expect(await after()).toEqual(['0a', '0c'])
  expect(records).toEqual([])
})

test('what is written after a new file could not be opened is in the file that is there', async () => {
  using folder = temporaryFolder()
  const { state, ledger } = await opened(folder.path)
  await using _ = ledger
  await ledger.record({ podUid: 'uid-1', serial: '0a', notAfter: end })
  const file = join(folder.path, serialsFile)
  const write = state.write.bind(state)
  const replaced = vi.spyOn(state, 'write').mockImplementationOnce(async (...args) => {
    await write(...args)
    await rm(file)
    await mkdir(file)
  })
  await expect(ledger.prune()).rejects.toThrow('EISDIR')
  replaced.mockRestore()
  await rmdir(file)
  await ledger.record({ podUid: 'uid-1', serial: '0b', notAfter: end })
  const { ledger: next, serials } = await opened(folder.path)
  await using __ = next
  expect(await serials()).toEqual(['0a', '0b'])
})
