import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatFlatDocument } from '#mesh/flat-document.ts'
import { identityRequestsFile, revocationEntry, rotationEntry } from '#mesh/identity-requests.ts'
import { recordingLog } from '../../authority/testing/recording-log.ts'
import { temporaryFolder } from '../../authority/testing/temporary-folder.ts'
import { watchIdentityRequests } from './identity-requests.ts'

const at = Date.UTC(2026, 10, 28, 12)
const revoked = revocationEntry({ podUid: 'uid-1', namespace: 'shop', pod: 'frontend-1', at })

let folder: ReturnType<typeof temporaryFolder>
let end: AbortController
beforeEach(() => {
  folder = temporaryFolder()
  end = new AbortController()
})
afterEach(() => {
  end.abort()
  folder[Symbol.dispose]()
})

async function write(text: string): Promise<void> {
  await writeFile(join(folder.path, 'new'), text)
  await rename(join(folder.path, 'new'), join(folder.path, identityRequestsFile))
}

/** Only the kernel's events are seen, no poll. */
async function watched() {
  const { log, records } = recordingLog()
  const options = { stateDir: folder.path, log, signal: end.signal, poll: 60_000, settle: 5 }
  const requests = await watchIdentityRequests(options)
  const uids = () => [...requests.current.revocations.keys()]
  return { requests, uids, problems: () => records.map(({ problem }) => problem) }
}

describe('requests in the state directory', () => {
  test('are none without a file, and are heard of when it comes', async () => {
    const { requests, uids } = await watched()
    expect(requests.current).toEqual({ rotation: undefined, revocations: new Map() })
    await write(formatFlatDocument(Object.fromEntries([revoked, rotationEntry(at)])))
    await expect.poll(uids, { interval: 2 }).toEqual(['uid-1'])
    expect(requests.current.rotation).toBe('2026-11-28T12:00:00.000Z')
  })

  test('are there from the start', async () => {
    await write(formatFlatDocument(Object.fromEntries([revoked])))
    expect((await watched()).uids()).toEqual(['uid-1'])
  })

  test('stay as they were while the file cannot be read, which is told by name', async () => {
    await write(formatFlatDocument(Object.fromEntries([revoked])))
    const { uids, problems } = await watched()
    await write('{"revoke.uid-2": ')
    await expect
      .poll(problems, { interval: 2 })
      .toEqual([`${folder.path}/${identityRequestsFile} is no JSON object`])
    expect(uids()).toEqual(['uid-1'])
    await write('{}')
    await expect.poll(uids, { interval: 2 }).toEqual([])
  })

  test('that cannot be read are told once, and the others apply', async () => {
    await write(formatFlatDocument(Object.fromEntries([revoked, ['rotate', 'now']])))
    const { uids, problems } = await watched()
    expect(uids()).toEqual(['uid-1'])
    await write(formatFlatDocument(Object.fromEntries([revoked, ['rotate', 'now']])))
    await delay(50)
    expect(problems()).toEqual([expect.stringContaining('rotate: "now" is no time')])
  })

  test('that were never readable keep the control plane from serving', async () => {
    await write('lost')
    await expect(watched()).rejects.toThrow(
      `${folder.path}/${identityRequestsFile} is no JSON object: put the right file back`,
    )
  })
})
