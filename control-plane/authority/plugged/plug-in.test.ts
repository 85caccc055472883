import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import { type Authority, createAuthority } from '../authority.ts'
import type { Signer } from '../certificate.ts'
import { endOf } from '../issue.ts'
import { pluggedRoot } from '../root.ts'
import { day, filesOf } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { authority, wholePem } from './testing/enterprise.ts'
import { TestSource } from './testing/source.ts'

const root = authority('Root', undefined, { key: 'P-384' })
const policy = authority('Policy', root, { key: 'RSA-2048' })
const [first, second] = [authority('First', policy), authority('Second', policy)]
const elsewhere = authority('Elsewhere', authority('Other root'))

let folder: ReturnType<typeof temporaryFolder>
let opened: Authority[]
beforeEach(() => {
  folder = temporaryFolder()
  opened = []
})
afterEach(() => {
  for (const each of opened) each.close()
  folder[Symbol.dispose]()
})

/** A busy machine takes its time. */
function eventually<T>(look: () => T) {
  return expect.poll(look, { timeout: 15_000 })
}

async function open(source: TestSource | undefined) {
  const { log, records } = recordingLog()
  const metrics = createMetrics()
  const created = await createAuthority({
    ...filesOf(folder.path),
    pluggedCa: source,
    trustDomain: 'cluster.local',
    namespace: 'weft-system',
    lifetime: day,
    log,
    metrics,
  })
  opened.push(created)
  return { authority: created, records, metrics }
}

/** The certificates of what the control plane shows, as `O=…\nCN=…`; the leaf has no name. */
function subjects({ serving }: Authority): (string | undefined)[] {
  const blocks = serving.current.chain.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
  return blocks.map((pem) => new X509Certificate(pem).subject)
}

async function issuer(mesh: Authority): Promise<string | undefined> {
  // Renewed, so that it is of whoever signs now.
  await mesh.renew()
  return new X509Certificate(mesh.serving.current.chain).issuer
}

async function keptIssuer(): Promise<Record<string, string>> {
  return JSON.parse(await readFile(join(folder.path, 'issuer.json'), 'utf8')) as Record<string, string>
}

const pemOf = ({ certificate }: Pick<Signer, 'certificate'>) => certificate.toString()

describe('a mesh with an authority that is plugged in', () => {
  test('trusts its root, presents everything below that, and makes none of its own', async () => {
    const { authority: mesh, metrics } = await open(new TestSource(wholePem(first)))
    expect(mesh.trustBundle.current).toBe(pemOf(root))
    expect(subjects(mesh)).toEqual([undefined, 'O=Example\nCN=First', 'O=Example\nCN=Policy'])
    const kept = JSON.parse(await readFile(join(folder.path, 'root.json'), 'utf8')) as Record<string, string>
    expect([kept['tls.crt'], kept['tls.key']]).toEqual([pemOf(root), ''])
    const text = await metrics.metrics()
    const end = endOf(first) / 1_000
    expect(text).toContain(`weft_authority_expiry_timestamp_seconds{certificate="plugged_ca"} ${end}`)
    expect(text).not.toContain('certificate="issuer"')
  })

  test('signs with another one under the same root at once', async () => {
    const source = new TestSource(wholePem(first))
    const { authority: mesh } = await open(source)
    source.put(wholePem(second))
    await eventually(async () =>
      createPrivateKey((await keptIssuer())['tls.key']!).equals(second.privateKey),
    ).toBe(true)
    expect(mesh.trustBundle.current).toBe(pemOf(root))
  })

  test('signs with the last good one after a restart that finds something broken', async () => {
    ;(await open(new TestSource(wholePem(first)))).authority.close()
    await eventually(async () => (await keptIssuer())['tls.crt']).toContain(pemOf(policy))
    const { authority: mesh, records } = await open(new TestSource('rubbish'))
    expect(subjects(mesh)).toEqual([undefined, 'O=Example\nCN=First', 'O=Example\nCN=Policy'])
    expect(records).toContainEqual(expect.objectContaining({ level: 'error', place: 'the test' }))
  })

  test('waits for a good one when there never was one', async () => {
    const source = new TestSource()
    const opening = open(source)
    source.put(wholePem(first))
    expect(subjects((await opening).authority)).toContain('O=Example\nCN=First')
  })

  test('offers another root as the next one, and signs under the one before meanwhile', async () => {
    const source = new TestSource(wholePem(first))
    const { authority: mesh } = await open(source)
    source.put(wholePem(elsewhere))
    await eventually(() => mesh.roots.offered.current?.certificate.subject).toBe('O=Example\nCN=Other root')
    expect(await issuer(mesh)).toBe('O=Example\nCN=First')
    expect(mesh.trustBundle.current).toBe(pemOf(root))
  })

  test('goes through the phases to another root, and comes through restarts on the way', async () => {
    const source = new TestSource(wholePem(first))
    const { authority: before } = await open(source)
    await eventually(async () => (await keptIssuer())['tls.crt']).toContain(pemOf(policy))
    source.put(wholePem(elsewhere))
    await eventually(() => before.roots.offered.current).toBeDefined()
    const since = Date.now()
    const passage = { since, handled: undefined }
    const { signing } = before.roots.state.current
    const next = before.roots.offered.current!
    await before.roots.move(before.roots.state.current, { phase: 'spreading', signing, next, ...passage })
    // One process at a time writes there.
    await eventually(() => before.trustPublished).toBe(true)
    before.close()

    // What is plugged in by now is not under the root that signs: what signed before is kept.
    const { authority: mesh } = await open(new TestSource(wholePem(elsewhere)))
    expect(mesh.trustBundle.current).toBe(pemOf(root) + next.certificate.toString())
    expect(await issuer(mesh)).toBe('O=Example\nCN=First')

    await mesh.roots.move(mesh.roots.state.current, {
      phase: 'reissuing',
      signing: next,
      old: signing,
      ...passage,
    })
    await eventually(() => mesh.settled).toBe(true)
    expect(await issuer(mesh)).toBe('O=Example\nCN=Elsewhere')
    expect(mesh.trustBundle.current).toBe(next.certificate.toString() + pemOf(root))
    await mesh.roots.move(mesh.roots.state.current, { phase: 'stable', signing: next, ...passage })
    await eventually(() => mesh.trustPublished).toBe(true)
    mesh.close()

    const { authority: after } = await open(new TestSource(wholePem(elsewhere)))
    expect(after.trustBundle.current).toBe(next.certificate.toString())
    expect(after.roots.offered.current).toBeUndefined()
  })
})

describe('between a root of its own and one that is plugged in', () => {
  test('a mesh goes over to what is plugged in', async () => {
    const { authority: before } = await open(undefined)
    const own = before.trustBundle.current
    before.close()
    const { authority: mesh } = await open(new TestSource(wholePem(first)))
    expect(mesh.trustBundle.current).toBe(own)
    expect(mesh.roots.offered.current?.certificate.raw).toEqual(root.certificate.raw)
    expect(await issuer(mesh)).toMatch(/weft issuer/)
  })

  test('a mesh goes back to one of its own, and is signed for meanwhile', async () => {
    ;(await open(new TestSource(wholePem(first)))).authority.close()
    await eventually(async () => (await keptIssuer())['tls.crt']).toContain(pemOf(policy))
    const { authority: mesh } = await open(undefined)
    expect(mesh.trustBundle.current).toBe(pemOf(root))
    expect(await issuer(mesh)).toBe('O=Example\nCN=First')
    expect(mesh.roots.offered.current?.certificate.subject).toMatch(/weft root/)
    expect(mesh.roots.offered.current?.privateKey).toBeDefined()
  })
})

describe('an authority that was taken away while its root took over', () => {
  const next = pluggedRoot(elsewhere.issuers[0]!)

  /** A mesh under the first authority that goes over to another root, and is killed. */
  async function killed(phase: 'spreading' | 'reissuing'): Promise<void> {
    const { authority: mesh } = await open(new TestSource(wholePem(first)))
    await eventually(async () => (await keptIssuer())['tls.crt']).toContain(pemOf(policy))
    const { signing } = mesh.roots.state.current
    const passage = { since: Date.now(), handled: undefined }
    await mesh.roots.move(
      mesh.roots.state.current,
      phase === 'spreading'
        ? { phase, signing, next, ...passage }
        : { phase, signing: next, old: signing, ...passage },
    )
    await eventually(() => mesh.trustPublished).toBe(true)
    mesh.close()
  }

  test.each([
    ['another one in its place', () => new TestSource(wholePem(first))],
    ['rubbish in its place', () => new TestSource('rubbish')],
    ['the setting gone', () => undefined],
  ])('does not keep the control plane from starting with %s', async (_, source) => {
    await killed('reissuing')
    const { authority: mesh } = await open(source())
    expect(await issuer(mesh)).toBe('O=Example\nCN=First')
    expect(mesh.settled).toBe(false)
    expect(mesh.trustBundle.current).toBe(pemOf(next) + pemOf(root))
  })

  test('signs once it is back', async () => {
    await killed('reissuing')
    const source = new TestSource(wholePem(first))
    const { authority: mesh } = await open(source)
    source.put(wholePem(elsewhere))
    await eventually(() => mesh.settled).toBe(true)
    expect(await issuer(mesh)).toBe('O=Example\nCN=Elsewhere')
  })

  test('is told from one that may come yet', async () => {
    await killed('spreading')
    const source = new TestSource('rubbish')
    const { authority: mesh } = await open(source)
    expect(mesh.prospect(next)).toBe('awaited')
    source.put(wholePem(first))
    await eventually(() => mesh.prospect(next)).toBe('gone')
    source.put(wholePem(elsewhere))
    await eventually(() => mesh.prospect(next)).toBe('ready')
  })

  test('leaves the mesh to go back to a root of its own as soon as it stands still', async () => {
    await killed('spreading')
    const { authority: mesh } = await open(undefined)
    expect(mesh.prospect(next)).toBe('gone')
    expect(mesh.roots.offered.current).toBeUndefined()
    const { signing } = mesh.roots.state.current
    await mesh.roots.move(mesh.roots.state.current, {
      phase: 'stable',
      signing,
      since: Date.now(),
      handled: undefined,
    })
    expect(mesh.roots.offered.current?.privateKey).toBeDefined()
  })
})
