import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import { type Secret, secret } from '../../watch/kubernetes/objects/secret.ts'
import { exportKey } from '../keys.ts'
import { readPluggedCa } from '../plugged/plugged-ca.ts'
import type { Found } from '../plugged/source.ts'
import { authority, wholePem } from '../plugged/testing/enterprise.ts'
import { exportPkcs12 } from '../plugged/testing/pkcs12.ts'
import { hasOpenssl } from '../testing/openssl.ts'
import { secretSource } from './secret-source.ts'

const policy = authority('Policy', authority('Root'))
const mesh = authority('Mesh', policy)
const place = { namespace: 'weft-system', name: 'weft-ca' }

let secrets: Cache<Secret>
let end: AbortController
let seen: Found[]
let version = 0

beforeEach(() => {
  secrets = new Cache()
  end = new AbortController()
  seen = []
  const source = secretSource({ ...place, secrets, signal: end.signal })
  void (async () => {
    for await (const found of source.watch(new AbortController().signal)) seen.push(found)
  })()
})
afterEach(() => end.abort())

/** The Secret as the API server shows it. */
function put(data: Readonly<Record<string, string | Buffer>>): void {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  const metadata = { ...place, uid: 'u', resourceVersion: String(++version) }
  secrets.replace([
    secret(place.name, place.namespace).trim({ metadata, data: Object.fromEntries(encoded) as object })!,
  ])
}

async function newest(): Promise<Found> {
  const count = seen.length
  await expect.poll(() => seen.length, { timeout: 15_000 }).toBeGreaterThan(Math.max(0, count - 1))
  return seen.at(-1)!
}

async function readNewest() {
  const found = await newest()
  if (found.kind === 'nothing') throw new Error(found.problem)
  return readPluggedCa(found.material, { now: Date.now(), lifetime: 3_600_000 })
}

describe('a Secret', () => {
  test('is read as cert-manager writes it: the chain in tls.crt, the root in ca.crt', async () => {
    const chain = [mesh, policy].map(({ certificate }) => certificate.toString()).join('')
    put({ 'tls.crt': chain, 'tls.key': exportKey(mesh.privateKey), 'ca.crt': policy.issuers[0]!.toString() })
    const { signer } = await readNewest()
    expect([signer.certificate.subject, signer.issuers.length]).toEqual(['O=Example\nCN=Mesh', 2])
  })

  test('may repeat in ca.crt what is in tls.crt, and may lack a line break at the end', async () => {
    const whole = [mesh.certificate, ...mesh.issuers].map(String).join('').trimEnd()
    put({ 'tls.crt': whole, 'tls.key': exportKey(mesh.privateKey).trimEnd(), 'ca.crt': whole })
    expect((await readNewest()).signer.issuers).toHaveLength(2)
  })

  test.runIf(hasOpenssl)('is read as PKCS #12, whatever editor wrote the password', async () => {
    put({ 'ca.p12': exportPkcs12(mesh, 'pass wörd'), password: 'pass wörd\n' })
    expect((await readNewest()).signer.certificate.subject).toBe('O=Example\nCN=Mesh')
  })

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['nothing', {}, 'neither tls.crt and tls.key nor ca.p12'],
    ['half of one way', { 'tls.crt': wholePem(mesh) }, 'neither tls.crt and tls.key nor ca.p12'],
    ['both ways', { 'tls.crt': 'a', 'tls.key': 'b', 'ca.p12': 'c' }, 'leave one of the two ways'],
  ])('that holds %s is told', async (_, data, problem) => {
    put(data)
    expect(await newest()).toMatchObject({
      kind: 'nothing',
      problem: expect.stringContaining(problem) as string,
    })
  })

  test('that is missing is told once that is known, and again when it is removed', async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(seen).toEqual([])
    secrets.replace([])
    expect(await newest()).toEqual({ kind: 'nothing', problem: 'it is missing: create it' })
    put({ 'tls.crt': wholePem(mesh), 'tls.key': ' ' })
    await expect.poll(() => seen.at(-1)?.kind, { timeout: 15_000 }).toBe('material')
    secrets.replace([])
    await expect.poll(() => seen.at(-1)?.kind, { timeout: 15_000 }).toBe('nothing')
  })
})
