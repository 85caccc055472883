import { createPublicKey } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  formatRevocationStatus,
  type IdentityRequests,
  noIdentityRequests,
  parseRevocationStatus,
  revocationStatusKey,
} from '#mesh/identity-requests.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { parseRevocations } from '#sidecar/view/revocations.ts'
import { name, type Signer, signCertificate } from '../certificate.ts'
import { Changeable } from '../changing.ts'
import { authorityExtensions } from '../extensions.ts'
import { createKey } from '../keys.ts'
import { believedAfterEnd } from '../serials/retention.ts'
import { day, hour, start } from '../testing/authority.ts'
import { MemoryLedger } from '../testing/memory-ledger.ts'
import { recordingLog } from '../testing/recording-log.ts'
import type { StatusChanges } from './identity-status.ts'
import { revocationMetrics } from './metrics.ts'
import { type Replica, Revocations } from './revocations.ts'

const at = start - hour
const timing = { look: 10, minimum: 5, maximum: 5 }

function createIssuer(): Signer {
  const privateKey = createKey()
  const publicKey = createPublicKey(privateKey)
  const subject = name({ commonName: 'weft issuer' })
  const extensions = authorityExtensions(publicKey, publicKey, 0, 'spiffe://cluster.local')
  const life = { notBefore: start, notAfter: start + 365 * day }
  const certificate = signCertificate(
    { subject, issuer: subject, ...life, publicKey, extensions },
    privateKey,
  )
  return { certificate, privateKey, issuers: [] }
}

function requestsFor(...podUids: readonly string[]): IdentityRequests {
  const revocations = podUids.map(
    (podUid) => [podUid, { podUid, namespace: 'shop', pod: podUid, at }] as const,
  )
  return { rotation: undefined, revocations: new Map(revocations) }
}

let ledger: MemoryLedger
let requests: Changeable<IdentityRequests>
let told: Map<string, string | null>
let unwritable: boolean
/** What an earlier process told. */
let earlier: Record<string, string>
let issuer: Signer
let clock: { now: number }
let log: ReturnType<typeof recordingLog>
let metrics: ReturnType<typeof createMetrics>
let replica: Replica | undefined
let revocations: Revocations | undefined
beforeEach(() => {
  ledger = new MemoryLedger()
  requests = new Changeable(noIdentityRequests)
  told = new Map()
  unwritable = false
  earlier = {}
  issuer = createIssuer()
  clock = { now: start }
  log = recordingLog()
  metrics = createMetrics()
  replica = undefined
  revocations = undefined
})
afterEach(() => revocations?.[Symbol.asyncDispose]())

async function write(changes: StatusChanges): Promise<void> {
  if (unwritable) throw new Error('no room')
  for (const [key, value] of Object.entries(changes)) told.set(key, value)
}

async function read(): Promise<Record<string, string>> {
  const entries = Object.entries({ ...earlier, ...Object.fromEntries(told) })
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null))
}

async function open(signal?: AbortSignal): Promise<Revocations> {
  revocations = await Revocations.open(
    {
      requests,
      ledger,
      status: { read, write },
      replica,
      issuer: () => issuer,
      log: log.log,
      metrics: revocationMetrics(metrics),
      now: () => clock.now,
      timing,
    },
    signal,
  )
  return revocations
}

async function issue(podUid: string, serial: string, notAfter = start + day): Promise<void> {
  await ledger.record({ podUid, serial, notAfter })
}

function serials(): string[] | undefined {
  const list = revocations?.list.current
  return list === undefined ? undefined : [...parseRevocations(list)]
}

const status = (podUid: string) => {
  const text = told.get(revocationStatusKey(podUid))
  return typeof text === 'string' ? parseRevocationStatus(text) : text
}

describe('revocations', () => {
  test('are none, and no list either, to begin with', async () => {
    await issue('uid-1', '0a')
    await open()
    expect(serials()).toBeUndefined()
    expect(told.size).toBe(0)
  })

  test('are in force before anybody is served', async () => {
    await issue('uid-1', '0a')
    await issue('uid-1', '0b')
    await issue('uid-2', '0c')
    requests.set(requestsFor('uid-1'))
    const opened = await open()
    expect(serials()).toEqual(['0A', '0B'])
    expect([opened.isRevoked('uid-1'), opened.isRevoked('uid-2')]).toEqual([true, false])
    await expect.poll(() => status('uid-1'), { interval: 2 }).toEqual({ at, serials: 2 })
    const text = await metrics.metrics()
    expect(text).toContain('weft_revoked_pods 1\n')
    expect(text).toContain('weft_revoked_certificates 2\n')
  })

  test('come and go while the mesh runs', async () => {
    await issue('uid-1', '0a')
    const opened = await open()
    requests.set(requestsFor('uid-1'))
    expect(opened.isRevoked('uid-1')).toBe(true)
    await expect.poll(serials, { interval: 2 }).toEqual(['0A'])
    requests.set(noIdentityRequests)
    expect(opened.isRevoked('uid-1')).toBe(false)
    await expect.poll(serials, { interval: 2 }).toBeUndefined()
    await expect.poll(() => status('uid-1'), { interval: 2 }).toBeNull()
  })

  test('find what another replica issued before it heard', async () => {
    requests.set(requestsFor('uid-1'))
    await open()
    expect(serials()).toEqual([])
    await issue('uid-1', '0a')
    await expect.poll(serials, { interval: 2 }).toEqual(['0A'])
    await expect.poll(() => status('uid-1'), { interval: 2 }).toEqual({ at, serials: 1 })
  })

  test('leave the list when nobody can believe them any more', async () => {
    await issue('uid-1', '0a', start + hour)
    await issue('uid-1', '0b')
    requests.set(requestsFor('uid-1'))
    await open()
    clock.now = start + hour + believedAfterEnd - 1
    await issue('uid-1', '0c')
    await expect.poll(serials, { interval: 2 }).toEqual(['0A', '0B', '0C'])
    clock.now += 1
    await expect.poll(serials, { interval: 2 }).toEqual(['0B', '0C'])
  })

  test('stay on the list when the ledger is lost', async () => {
    await issue('uid-1', '0a')
    await issue('uid-2', '0b')
    requests.set(requestsFor('uid-1', 'uid-2'))
    await open()
    ledger.issued.length = 0
    await issue('uid-1', '0c')
    await expect.poll(serials, { interval: 2 }).toEqual(['0A', '0B', '0C'])
    await expect.poll(() => status('uid-1'), { interval: 2 }).toEqual({ at, serials: 2 })
    requests.set(requestsFor('uid-1'))
    await expect.poll(serials, { interval: 2 }).toEqual(['0A', '0C'])
    clock.now = start + day + believedAfterEnd
    await expect.poll(serials, { interval: 2 }).toEqual([])
  })

  test('that were lifted while nobody ran are told of no longer', async () => {
    requests.set(requestsFor('uid-1'))
    const said = formatRevocationStatus({ at, serials: 0 })
    earlier = {
      [revocationStatusKey('uid-1')]: said,
      [revocationStatusKey('uid-2')]: said,
      rotation: 'somebody else’s',
    }
    await open()
    await expect.poll(() => told.size, { interval: 2 }).toBeGreaterThan(0)
    expect([...told]).toEqual([[revocationStatusKey('uid-2'), null]])
  })

  test('are told of by each replica for itself, and for those that are gone by whoever is left', async () => {
    const said = formatRevocationStatus({ at, serials: 0 })
    earlier = {
      [revocationStatusKey('uid-1', 'other')]: said,
      [revocationStatusKey('uid-2', 'other')]: said,
      [revocationStatusKey('uid-1', 'gone.with.dots')]: said,
      [revocationStatusKey('uid-2', 'this')]: said,
      [revocationStatusKey('uid-1')]: said,
    }
    replica = { name: 'this', isGone: (name) => name.startsWith('gone') }
    requests.set(requestsFor('uid-1'))
    await open()
    const others = [revocationStatusKey('uid-1', 'other'), revocationStatusKey('uid-2', 'other')]
    const keys = async () => Object.keys(await read()).toSorted()
    const own = revocationStatusKey('uid-1', 'this')
    await expect.poll(keys, { interval: 2 }).toEqual([...others, own].toSorted())
    told.delete(own)
    await expect.poll(keys, { interval: 2 }).toEqual([...others, own].toSorted())
    requests.set(noIdentityRequests)
    await expect.poll(keys, { interval: 2 }).toEqual(others)
  })

  test('are no news while they say the same', async () => {
    await issue('uid-1', '0a')
    requests.set(requestsFor('uid-1'))
    const opened = await open()
    const before = opened.list.current
    const lists: unknown[] = []
    opened.list.subscribe((list) => lists.push(list))
    requests.set({ ...requestsFor('uid-1'), rotation: '2026-11-28T12:00:00Z' })
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([opened.list.current, lists]).toEqual([before, []])
  })

  test('are signed by the issuer of the day', async () => {
    requests.set(requestsFor('uid-1'))
    const opened = await open()
    const before = opened.list.current
    issuer = createIssuer()
    await expect.poll(() => opened.list.current, { interval: 2 }).not.toBe(before)
  })

  test('are waited for while the ledger is away', async () => {
    await issue('uid-1', '0a')
    requests.set(requestsFor('uid-1'))
    ledger.failing = true
    const opening = open()
    await expect.poll(() => log.records.length, { interval: 2 }).toBeGreaterThan(1)
    expect(revocations).toBeUndefined()
    ledger.failing = false
    await opening
    expect(serials()).toEqual(['0A'])
  })

  test('are not waited for any longer than the control plane runs', async () => {
    requests.set(requestsFor('uid-1'))
    ledger.failing = true
    const end = new AbortController()
    const opening = open(end.signal)
    end.abort()
    await expect(opening).rejects.toThrow('aborted')
  })

  test('keep what is known while the ledger is away, and take the rest later', async () => {
    await issue('uid-1', '0a')
    await issue('uid-2', '0b')
    requests.set(requestsFor('uid-1'))
    const opened = await open()
    ledger.failing = true
    requests.set(requestsFor('uid-1', 'uid-2'))
    expect(opened.isRevoked('uid-2')).toBe(true)
    await expect
      .poll(() => log.records.filter(({ level }) => level === 'error').length, { interval: 2 })
      .toBeGreaterThan(2)
    expect(serials()).toEqual(['0A'])
    expect(status('uid-2')).toBeUndefined()
    ledger.failing = false
    await expect.poll(serials, { interval: 2 }).toEqual(['0A', '0B'])
    await expect.poll(() => status('uid-2'), { interval: 2 }).toEqual({ at, serials: 1 })
  })

  test('are told again until that could be written', async () => {
    unwritable = true
    requests.set(requestsFor('uid-1'))
    await open()
    await expect
      .poll(() => log.records.filter(({ level }) => level === 'warn').length, { interval: 2 })
      .toBeGreaterThan(1)
    unwritable = false
    await expect.poll(() => status('uid-1'), { interval: 2 }).toEqual({ at, serials: 0 })
  })
})
