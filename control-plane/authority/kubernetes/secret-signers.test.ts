import { describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import type { ApiClient, ApiRequest } from '../../watch/kubernetes/api/client.ts'
import { ApiError } from '../../watch/kubernetes/api/errors.ts'
import { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { Secret } from '../../watch/kubernetes/objects/secret.ts'
import { createAuthority } from '../authority.ts'
import { Changeable } from '../changing.ts'
import { exportKey } from '../keys.ts'
import { makeRoot } from '../root.ts'
import { day, start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { SecretSigners } from './secret-signers.ts'

interface Written {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string }
  readonly stringData: Readonly<Record<string, string>>
}

/** The Secrets of a namespace, and the replicas that watch them. */
class Secrets {
  readonly #stored = new Map<string, Secret>()
  readonly #watching = new Set<Readonly<Record<'root' | 'issuer', Cache<Secret>>>>()
  #version = 0

  readonly client: Pick<ApiClient, 'request'> = {
    request: (request) => new Promise((resolve) => resolve(this.#write(request))),
  }

  watch(): Readonly<Record<'root' | 'issuer', Cache<Secret>>> {
    const caches = { root: new Cache<Secret>(), issuer: new Cache<Secret>() }
    this.#watching.add(caches)
    for (const name of ['root', 'issuer'] as const) {
      const known = this.#stored.get(`weft-${name}`)
      caches[name].replace(known ? [known] : [])
    }
    return caches
  }

  remove(name: string): void {
    this.#stored.delete(name)
    for (const caches of this.#watching) {
      caches[name === 'weft-root' ? 'root' : 'issuer'].delete(`weft-system/${name}`)
    }
  }

  get names(): string[] {
    return [...this.#stored.keys()]
  }

  #write({ method, body }: ApiRequest): unknown {
    const { metadata, stringData } = body as Written
    const known = this.#stored.get(metadata.name)
    if (method === 'POST' ? known !== undefined : known?.resourceVersion !== metadata.resourceVersion) {
      throw new ApiError('somebody was first', 409, 'Conflict')
    }
    const resourceVersion = String(++this.#version)
    const secret = {
      namespace: 'weft-system',
      name: metadata.name,
      uid: 'u',
      resourceVersion,
      data: stringData,
      encoded: {},
    }
    this.#stored.set(metadata.name, secret)
    // Watches hear of it later than the writer.
    setTimeout(() => {
      for (const caches of this.#watching) {
        caches[metadata.name === 'weft-root' ? 'root' : 'issuer'].set(`weft-system/${metadata.name}`, secret)
      }
    }, 10)
    return { metadata: secret }
  }
}

function replica(secrets: Secrets, leads: boolean) {
  const leading = new Changeable(leads)
  const end = new AbortController()
  const caches = secrets.watch()
  const client = secrets.client as ApiClient
  const store = new SecretSigners({
    client,
    namespace: 'weft-system',
    secrets: caches,
    leading,
    signal: end.signal,
  })
  const clock = { now: start }
  const { log, records } = recordingLog()
  const authority = () =>
    createAuthority({
      store,
      publishTrust: () => Promise.resolve(),
      trustDomain: 'cluster.local',
      namespace: 'weft-system',
      lifetime: day,
      log,
      metrics: createMetrics(),
      now: () => clock.now,
    })
  return { leading, end, store, clock, records, authority }
}

const issuerOf = (authority: { serving: { current: { chain: string } } }) =>
  authority.serving.current.chain.split('-----BEGIN')[2]

describe('root and issuer in Secrets', () => {
  test('are made by the replica that leads, and read by the others, who wait for them', async () => {
    const secrets = new Secrets()
    const follower = replica(secrets, false)
    const waiting = follower.authority()
    await pause(50)
    expect(secrets.names).toEqual([])
    const first = await replica(secrets, true).authority()
    const second = await waiting
    expect(secrets.names).toEqual(['weft-root', 'weft-issuer'])
    expect(second.trustBundle.current).toBe(first.trustBundle.current)
    expect(issuerOf(second)).toBe(issuerOf(first))
  })

  test('are made by a replica that comes to lead while it waits', async () => {
    const secrets = new Secrets()
    const follower = replica(secrets, false)
    const waiting = follower.authority()
    await pause(20)
    follower.leading.set(true)
    await waiting
    expect(secrets.names).toEqual(['weft-root', 'weft-issuer'])
  })

  test('are the same for two replicas that both believe they lead', async () => {
    const secrets = new Secrets()
    const both = await Promise.all([replica(secrets, true).authority(), replica(secrets, true).authority()])
    expect(both[0].trustBundle.current).toBe(both[1].trustBundle.current)
    expect(issuerOf(both[0])).toBe(issuerOf(both[1]))
  })

  test('are kept over a restart', async () => {
    const secrets = new Secrets()
    const before = await replica(secrets, true).authority()
    const after = await replica(secrets, true).authority()
    expect(after.trustBundle.current).toBe(before.trustBundle.current)
    expect(issuerOf(after)).toBe(issuerOf(before))
  })

  test('are renewed by the replica that leads; the others take the new issuer', async () => {
    const secrets = new Secrets()
    const leader = replica(secrets, true)
    const follower = replica(secrets, false)
    const [first, second] = await Promise.all([leader.authority(), follower.authority()])
    const before = issuerOf(first)
    leader.clock.now = follower.clock.now += 0.7 * 365 * day
    await second.renew()
    expect(issuerOf(second)).toBe(before)
    await first.renew()
    await pause(50)
    follower.clock.now += day
    await second.renew()
    expect(issuerOf(first)).not.toBe(before)
    expect(issuerOf(second)).toBe(issuerOf(first))
    expect(follower.records).toContainEqual(
      expect.objectContaining({ message: 'another replica renewed the issuer' }),
    )
    expect(JSON.stringify(leader.records)).not.toContain('another replica')
  })

  test('are put back by the replica that leads when somebody removes them', async () => {
    const secrets = new Secrets()
    const leader = replica(secrets, true)
    const [first, second] = await Promise.all([leader.authority(), replica(secrets, false).authority()])
    secrets.remove('weft-root')
    secrets.remove('weft-issuer')
    await pause(50)
    expect(secrets.names.sort()).toEqual(['weft-issuer', 'weft-root'])
    const after = await replica(secrets, true).authority()
    expect(after.trustBundle.current).toBe(first.trustBundle.current)
    expect(issuerOf(after)).toBe(issuerOf(second))
  })

  test.each([
    ['is no certificate', { 'tls.crt': 'what?', 'tls.key': 'what?' }],
    ['has lost its key', { 'tls.key': '' }],
    ['has another key', { 'tls.key': exportKey(makeRoot('cluster.local', start).privateKey) }],
  ])('are put back by the replica that leads when what is there %s', async (_, damage) => {
    const secrets = new Secrets()
    const leader = replica(secrets, true)
    const [first] = await Promise.all([leader.authority(), replica(secrets, false).authority()])
    const { data, version } = await leader.store.read('issuer')
    const metadata = { name: 'weft-issuer', resourceVersion: version }
    const client = secrets.client as ApiClient
    await client.request({ method: 'PUT', path: '', body: { metadata, stringData: { ...data, ...damage } } })
    await pause(50)
    expect((await leader.store.read('issuer')).data).toEqual(data)
    expect(issuerOf(await replica(secrets, true).authority())).toBe(issuerOf(first))
    expect(JSON.stringify(leader.records)).toContain('what was removed or damaged is put back')
  })

  test('that somebody replaces are told, and a root is offered as the next one', async () => {
    const secrets = new Secrets()
    const leader = replica(secrets, true)
    const authority = await leader.authority()
    const before = authority.trustBundle.current
    const stranger = makeRoot('cluster.local', start)
    const client = secrets.client as ApiClient
    const stringData = {
      'tls.crt': stranger.certificate.toString(),
      'tls.key': exportKey(stranger.privateKey),
    }
    await client.request({
      method: 'PUT',
      path: '',
      body: { metadata: { name: 'weft-root', resourceVersion: '1' }, stringData },
    })
    await pause(50)
    expect(authority.trustBundle.current).toBe(before)
    expect(authority.roots.offered.current?.certificate.toString()).toBe(stranger.certificate.toString())
    expect(JSON.stringify(leader.records)).toContain(
      'another root was put in the place of the one that signs',
    )
  })

  test('stop being waited for when the process ends', async () => {
    const follower = replica(new Secrets(), false)
    const waiting = follower.authority()
    follower.end.abort()
    await expect(waiting).rejects.toThrow('aborted')
  })

  test('that are not what they should be are named', async () => {
    const secrets = new Secrets()
    await replica(secrets, true).authority()
    const broken = replica(secrets, true)
    const root = await broken.store.read('root')
    expect(root.data['tls.key']).toContain('PRIVATE KEY')
    const client = secrets.client as ApiClient
    const stringData = { 'tls.crt': root.data['tls.crt']!, 'tls.key': 'what?' }
    const metadata = { name: 'weft-root', resourceVersion: '1' }
    await client.request({ method: 'PUT', path: '', body: { metadata, stringData } })
    await pause(20)
    await expect(broken.authority()).rejects.toThrow(
      'Secret weft-system/weft-root tls.key holds no P-256 private key',
    )
  })
})

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
