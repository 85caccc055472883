import { X509Certificate } from 'node:crypto'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import { type Authority, createAuthority } from './authority.ts'
import { makeRoot } from './root.ts'
import { day, filesOf, hour, start, type TestAuthority, testAuthority } from './testing/authority.ts'
import { recordingLog } from './testing/recording-log.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const year = 365 * day

function leafOf(authority: Authority): X509Certificate {
  return new X509Certificate(authority.serving.current.chain)
}

async function reopen({ stateDir, clock }: TestAuthority, trustDomain = 'cluster.local'): Promise<Authority> {
  const options = {
    ...filesOf(stateDir),
    trustDomain,
    namespace: 'weft-system',
    lifetime: day,
    now: () => clock.now,
  }
  const authority = await createAuthority({ ...options, log: recordingLog().log, metrics: createMetrics() })
  authority.close()
  return authority
}

async function stored(
  { stateDir }: TestAuthority,
  name: 'root' | 'issuer',
): Promise<Record<string, string | undefined>> {
  return JSON.parse(await readFile(join(stateDir, `${name}.json`), 'utf8')) as Record<string, string>
}

describe('the first start', () => {
  test('makes root and issuer, keys for the owner only, the bundle for everybody', async () => {
    using mesh = await testAuthority()
    const mode = async (file: string) => ((await stat(join(mesh.stateDir, file))).mode & 0o777).toString(8)
    expect(await mode('root.json')).toBe('600')
    expect(await mode('issuer.json')).toBe('600')
    expect(await mode('trust-bundle.pem')).toBe('644')
    const bundle = await readFile(join(mesh.stateDir, 'trust-bundle.pem'), 'utf8')
    expect(bundle).toBe((await stored(mesh, 'root'))['tls.crt'])
    expect(bundle).toBe(mesh.authority.trustBundle.current)
    expect(new X509Certificate(bundle).validToDate.getTime()).toBeGreaterThan(start + 9.9 * year)
  })

  test('serves a certificate with the names that clients verify', async () => {
    using mesh = await testAuthority()
    const leaf = leafOf(mesh.authority)
    expect(leaf.checkHost('weft-control-plane.weft-system.svc')).toBeDefined()
    expect(leaf.checkHost('weft-control-plane.weft-system.svc.cluster.local')).toBeDefined()
    expect(leaf.checkHost('weft-control-plane.other.svc')).toBeUndefined()
    expect(leaf.subjectAltName).toContain('URI:spiffe://cluster.local/ns/weft-system/sa/weft-control-plane')
  })

  test('tells when everything ends', async () => {
    using mesh = await testAuthority()
    const text = await mesh.metrics.metrics()
    expect(text).toContain(
      `weft_authority_expiry_timestamp_seconds{certificate="serving"} ${(start + day) / 1000}`,
    )
    expect(text).toContain(
      `weft_authority_expiry_timestamp_seconds{certificate="issuer"} ${(start + year) / 1000}`,
    )
    expect(text).toContain('weft_authority_expiry_timestamp_seconds{certificate="root"} ')
  })
})

describe('the next start', () => {
  test('keeps root and issuer', async () => {
    using mesh = await testAuthority()
    const again = await reopen(mesh)
    expect(again.trustBundle.current).toBe(mesh.authority.trustBundle.current)
    expect(again.serving.current.chain.split('-----BEGIN')[2]).toBe(
      mesh.authority.serving.current.chain.split('-----BEGIN')[2],
    )
  })

  test.each([
    ['is missing', (file: string) => rm(file)],
    ['is damaged', (file: string) => writeFile(file, 'what?')],
    ['is no object', (file: string) => writeFile(file, '7')],
  ])('makes a new issuer when the old one %s', async (_, harm) => {
    using mesh = await testAuthority()
    await harm(join(mesh.stateDir, 'issuer.json'))
    const issued = leafOf(await reopen(mesh))
    expect(issued.issuer).not.toBe(leafOf(mesh.authority).issuer)
  })

  test.each([
    ['tls.key', undefined, /root.json tls.key is missing: put the key of .*root.json tls.crt back/],
    ['tls.key', 'what?', /root.json tls.key holds no P-256 private key in PEM: put the right file back/],
    ['tls.crt', 'what?', /root.json tls.crt holds no CA certificate in PEM: put the right file back/],
  ])('refuses a damaged %s of the root and leaves it alone', async (part, text, message) => {
    using mesh = await testAuthority()
    const path = join(mesh.stateDir, 'root.json')
    const damaged = JSON.stringify({ ...(await stored(mesh, 'root')), [part]: text })
    await writeFile(path, damaged)
    await expect(reopen(mesh)).rejects.toThrow(message)
    expect(await readFile(path, 'utf8')).toBe(damaged)
  })

  test.each(['', 'what?', '[]', '7'])('refuses a root file that holds %j', async (text) => {
    using mesh = await testAuthority()
    await writeFile(join(mesh.stateDir, 'root.json'), text)
    await expect(reopen(mesh)).rejects.toThrow(/root.json tls.crt holds no CA certificate/)
  })

  test("refuses another root's key", async () => {
    using mesh = await testAuthority()
    using other = await testAuthority()
    const mixed = { ...(await stored(mesh, 'root')), 'tls.key': (await stored(other, 'root'))['tls.key'] }
    await writeFile(join(mesh.stateDir, 'root.json'), JSON.stringify(mixed))
    await expect(reopen(mesh)).rejects.toThrow(/root.json tls.key is not the key of .*root.json tls.crt/)
  })

  test('refuses another trust domain', async () => {
    using mesh = await testAuthority()
    const message = 'is the root of spiffe://cluster.local, the mesh is spiffe://example.org'
    await expect(reopen(mesh, 'example.org')).rejects.toThrow(message)
  })

  test('refuses a root that has ended', async () => {
    using mesh = await testAuthority()
    mesh.clock.now += 11 * year
    await expect(reopen(mesh)).rejects.toThrow(/root.json tls.crt ended at/)
  })
})

describe('what was kept before roots could rotate, in files of their own,', () => {
  async function former(mesh: TestAuthority): Promise<void> {
    for (const name of ['root', 'issuer'] as const) {
      const { 'tls.crt': certificate, 'tls.key': key } = await stored(mesh, name)
      await writeFile(join(mesh.stateDir, `${name}.pem`), certificate!)
      await writeFile(join(mesh.stateDir, `${name}-key.pem`), key!)
      await rm(join(mesh.stateDir, `${name}.json`))
    }
  }

  test('goes on being used', async () => {
    using mesh = await testAuthority()
    await former(mesh)
    const again = await reopen(mesh)
    expect(again.trustBundle.current).toBe(mesh.authority.trustBundle.current)
    expect(leafOf(again).issuer).toBe(leafOf(mesh.authority).issuer)
    expect(again.roots.state.current).toMatchObject({ phase: 'stable', handled: undefined })
  })

  test('goes over into one file with the first step', async () => {
    using mesh = await testAuthority()
    await former(mesh)
    const again = await reopen(mesh)
    const { signing } = again.roots.state.current
    const next = makeRoot('cluster.local', start)
    expect(
      await again.roots.move(again.roots.state.current, {
        phase: 'spreading',
        signing,
        next,
        since: start,
        handled: undefined,
      }),
    ).toBe(true)
    expect((await readdir(mesh.stateDir)).filter((name) => name.startsWith('root'))).toEqual(['root.json'])
    expect((await reopen(mesh)).roots.state.current.phase).toBe('spreading')
  })

  test('is completed where its certificate was not written any more', async () => {
    using mesh = await testAuthority()
    await former(mesh)
    await rm(join(mesh.stateDir, 'root.pem'))
    const root = new X509Certificate((await reopen(mesh)).trustBundle.current)
    expect(root.verify(new X509Certificate(mesh.authority.trustBundle.current).publicKey)).toBe(true)
  })

  test('is named by its files when it is damaged', async () => {
    using mesh = await testAuthority()
    await former(mesh)
    await writeFile(join(mesh.stateDir, 'root-key.pem'), 'what?')
    await expect(reopen(mesh)).rejects.toThrow(/root-key.pem holds no P-256 private key in PEM/)
  })
})

describe('time passes', () => {
  test('the serving certificate is renewed at half of its life, and subscribers are told', async () => {
    using mesh = await testAuthority()
    const told: string[] = []
    const unsubscribe = mesh.authority.serving.subscribe(({ chain }) => told.push(chain))
    mesh.clock.now += day / 2 - hour
    await mesh.authority.renew()
    expect(told).toEqual([])
    mesh.clock.now += hour
    await mesh.authority.renew()
    expect(told).toEqual([mesh.authority.serving.current.chain])
    expect(mesh.authority.serving.current.notAfter).toBe(mesh.clock.now + day)
    unsubscribe()
    mesh.clock.now += day
    await mesh.authority.renew()
    expect(told.length).toBe(1)
  })

  test('the issuer is renewed months before its end, and stays after a restart', async () => {
    using mesh = await testAuthority()
    const before = leafOf(mesh.authority).issuer
    mesh.clock.now += 0.7 * year
    await mesh.authority.renew()
    const after = leafOf(mesh.authority).issuer
    expect(after).not.toBe(before)
    expect(leafOf(await reopen(mesh)).issuer).toBe(after)
  })

  test('what cannot be renewed is told and kept', async () => {
    using mesh = await testAuthority()
    const before = mesh.authority.serving.current
    await rm(mesh.stateDir, { recursive: true })
    await writeFile(mesh.stateDir, 'a file where the folder was')
    mesh.clock.now += 0.7 * year
    await mesh.authority.renew()
    expect(mesh.records).toContainEqual(
      expect.objectContaining({
        level: 'error',
        message: 'could not be renewed; the old one stays',
        what: 'issuer',
      }),
    )
    // The serving certificate needs no file, so it goes on under the old issuer.
    expect(mesh.authority.serving.current.notAfter).toBeGreaterThan(before.notAfter)
  })
})

test('a state folder that cannot be written is an error that names it', async () => {
  using folder = temporaryFolder()
  const stateDir = join(folder.path, 'file')
  await writeFile(stateDir, '')
  await chmod(stateDir, 0o444)
  const { log } = recordingLog()
  const options = {
    ...filesOf(stateDir),
    trustDomain: 'cluster.local',
    namespace: 'weft-system',
    lifetime: day,
  }
  await expect(createAuthority({ ...options, log, metrics: createMetrics() })).rejects.toThrow(stateDir)
})
