import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { decodeJwt, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import { readKey } from '../keys.ts'
import { StateDirectory } from '../state-directory.ts'
import { hour, registry, start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { type FileTokens, openFileTokens } from './file-tokens.ts'

const both = `
mesh: { networks: [10.77.0.0/16] }
workloads:
  - { name: frontend-1, namespace: shop, serviceAccount: frontend, addresses: [10.77.0.11] }
  - { name: backend-1, namespace: shop, serviceAccount: backend, addresses: [10.77.0.12] }
  - { name: outside, namespace: shop, addresses: [10.77.0.13], meshed: false }
`
const frontendAddress = parseIp('10.77.0.11')

interface World extends Disposable {
  readonly tokens: FileTokens
  readonly clock: { now: number }
  readonly stateDir: string
  readonly key: KeyObject
  readonly records: Record<string, unknown>[]
  read(pod: string): Promise<string>
}

async function world(options: { checkPeerAddress?: boolean; yaml?: string } = {}): Promise<World> {
  const folder = temporaryFolder()
  const clock = { now: start }
  const { log, records } = recordingLog()
  const { checkPeerAddress = true, yaml = both } = options
  const tokens = await openFileTokens({ stateDir: folder.path, log, checkPeerAddress, now: () => clock.now })
  await tokens.update(registry(yaml))
  const dispose = () => {
    tokens.close()
    folder[Symbol.dispose]()
  }
  return {
    tokens,
    clock,
    stateDir: folder.path,
    key: (await readKey(new StateDirectory(folder.path), 'token-key.pem'))!,
    records,
    read: (pod) => readFile(join(folder.path, 'tokens', pod), 'utf8'),
    [Symbol.dispose]: dispose,
  }
}

describe('the token of a workload', () => {
  test('has the shape that Kubernetes gives it', async () => {
    using mesh = await world()
    expect(decodeJwt(await mesh.read('shop/frontend-1'))).toEqual({
      iss: 'weft-control-plane',
      aud: 'weft-ca',
      sub: 'system:serviceaccount:shop:frontend',
      iat: start / 1_000,
      nbf: start / 1_000,
      exp: (start + hour) / 1_000,
      'kubernetes.io': {
        namespace: 'shop',
        pod: { name: 'frontend-1', uid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
        serviceaccount: { name: 'frontend' },
      },
    })
  })

  test('proves the pod', async () => {
    using mesh = await world()
    expect(await mesh.tokens.verify(await mesh.read('shop/frontend-1'), frontendAddress)).toEqual({
      namespace: 'shop',
      podName: 'frontend-1',
      podUid: expect.any(String),
      serviceAccount: 'frontend',
    })
  })

  test('is there for meshed workloads only, for every reader', async () => {
    using mesh = await world()
    expect((await readdir(join(mesh.stateDir, 'tokens/shop'))).sort()).toEqual(['backend-1', 'frontend-1'])
    expect((await stat(join(mesh.stateDir, 'tokens/shop/frontend-1'))).mode & 0o777).toBe(0o644)
    expect((await stat(join(mesh.stateDir, 'token-key.pem'))).mode & 0o777).toBe(0o600)
  })

  test('is rewritten at half of its life, and the old one is good to its end', async () => {
    using mesh = await world()
    const first = await mesh.read('shop/frontend-1')
    mesh.clock.now += hour / 2 - 1_000
    await mesh.tokens.renew()
    expect(await mesh.read('shop/frontend-1')).toBe(first)
    mesh.clock.now += 1_000
    await mesh.tokens.renew()
    expect(decodeJwt(await mesh.read('shop/frontend-1')).exp).toBe((mesh.clock.now + hour) / 1_000)
    await expect(mesh.tokens.verify(first, frontendAddress)).resolves.toMatchObject({ podName: 'frontend-1' })
  })

  test('goes with the workload, and with a control plane that was away', async () => {
    using mesh = await world()
    await writeFile(join(mesh.stateDir, 'tokens/shop/gone-while-away'), 'old')
    await mesh.tokens.update(registry(both.replace(/.*backend-1.*/, '')))
    expect(await readdir(join(mesh.stateDir, 'tokens/shop'))).toEqual(['frontend-1'])
    await mesh.tokens.update(registry('mesh: { networks: [10.77.0.0/16] }'))
    expect(await readdir(join(mesh.stateDir, 'tokens'))).toEqual([])
  })

  test('is another one at once when the workload is another pod', async () => {
    using mesh = await world()
    const first = await mesh.read('shop/frontend-1')
    await mesh.tokens.update(registry(both.replace('10.77.0.11', '10.77.0.21')))
    expect(await mesh.read('shop/frontend-1')).not.toBe(first)
    await expect(mesh.tokens.verify(first, frontendAddress)).rejects.toMatchObject({ reason: 'pod_replaced' })
  })

  test('is good after a restart', async () => {
    using mesh = await world()
    const token = await mesh.read('shop/frontend-1')
    const { stateDir, clock } = mesh
    const again = await openFileTokens({ stateDir, log: recordingLog().log, now: () => clock.now })
    await again.update(registry(both))
    await expect(again.verify(token, frontendAddress)).resolves.toMatchObject({ podName: 'frontend-1' })
    again.close()
  })

  test('that cannot be written is told, keeps no other from its own, and is tried again', async () => {
    using mesh = await world({ yaml: 'mesh: { networks: [10.77.0.0/16] }' })
    const obstacle = join(mesh.stateDir, 'tokens/shop/frontend-1')
    await mkdir(obstacle, { recursive: true })
    await mesh.tokens.update(registry(both))
    expect(mesh.records).toContainEqual(
      expect.objectContaining({
        level: 'error',
        file: 'tokens/shop/frontend-1',
        error: expect.stringContaining('EISDIR'),
      }),
    )
    expect(await mesh.read('shop/backend-1')).toMatch(/^ey/)
    await rm(obstacle, { recursive: true })
    await mesh.tokens.renew()
    expect(await mesh.read('shop/frontend-1')).toMatch(/^ey/)
  })

  test('under a folder that cannot be made is told', async () => {
    using mesh = await world({ yaml: 'mesh: { networks: [10.77.0.0/16] }' })
    await writeFile(join(mesh.stateDir, 'tokens'), 'a file where the folder should be')
    await mesh.tokens.update(registry(both))
    const told = mesh.records.filter(({ message }) => message === 'a token could not be written or removed')
    expect(told.map(({ file }) => file)).toEqual(['tokens/shop/frontend-1', 'tokens/shop/backend-1'])
  })
})

describe('a bad token', () => {
  const good = (mesh: World) => mesh.read('shop/frontend-1')
  const claims = async (mesh: World) => decodeJwt(await good(mesh))
  const signed = async (mesh: World, changes: Record<string, unknown>, key?: KeyObject) =>
    new SignJWT({ ...(await claims(mesh)), ...changes })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(key ?? mesh.key)
  const bound = async (mesh: World, changes: Record<string, unknown>) =>
    signed(mesh, { 'kubernetes.io': { ...((await claims(mesh))['kubernetes.io'] as object), ...changes } })
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const seconds = start / 1_000

  const attacks: [string, string, (mesh: World) => Promise<string> | string][] = [
    ['empty', 'malformed', () => ''],
    ['no JWT', 'malformed', () => 'hello'],
    ['too long', 'malformed', () => 'x'.repeat(10_000)],
    ['cut', 'signature', async (mesh) => (await good(mesh)).slice(0, -8)],
    ['one letter changed', 'signature', async (mesh) => changedLetter(await good(mesh))],
    [
      "another key's",
      'signature',
      (mesh) => signed(mesh, {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ],
    ['alg none', 'malformed', async (mesh) => `${encoded({ alg: 'none' })}.${encoded(await claims(mesh))}.`],
    ['HMAC with the public key', 'malformed', async (mesh) => hmacToken(mesh.key, await claims(mesh))],
    ['expired', 'expired', (mesh) => signed(mesh, { exp: seconds - 1 })],
    ['not valid yet', 'malformed', (mesh) => signed(mesh, { nbf: seconds + 60 })],
    ['without an end', 'malformed', (mesh) => signed(mesh, { exp: undefined })],
    [
      'of another audience',
      'foreign_audience',
      (mesh) => signed(mesh, { aud: 'https://kubernetes.default.svc' }),
    ],
    ['without an audience', 'foreign_audience', (mesh) => signed(mesh, { aud: undefined })],
    ['of another issuer', 'foreign_issuer', (mesh) => signed(mesh, { iss: 'https://elsewhere' })],
    ['bound to no pod', 'malformed', (mesh) => bound(mesh, { pod: undefined })],
    ['without the Kubernetes claim', 'malformed', (mesh) => signed(mesh, { 'kubernetes.io': undefined })],
    [
      'with a subject of another namespace',
      'malformed',
      (mesh) => signed(mesh, { sub: 'system:serviceaccount:bank:frontend' }),
    ],
    ['of a pod in another namespace', 'pod_gone', (mesh) => inNamespace(mesh, 'bank')],
    [
      'of a pod that is not meshed',
      'pod_gone',
      (mesh) => bound(mesh, { pod: { name: 'outside', uid: 'x' } }),
    ],
    [
      'of an earlier pod',
      'pod_replaced',
      (mesh) => bound(mesh, { pod: { name: 'frontend-1', uid: 'earlier' } }),
    ],
    ['of another service account', 'other_service_account', (mesh) => asAccount(mesh, 'backend')],
  ]

  test.each(attacks)('%s: %s', async (_, reason, make) => {
    using mesh = await world()
    const token = await make(mesh)
    await expect(mesh.tokens.verify(token, frontendAddress)).rejects.toMatchObject({
      name: 'TokenRefused',
      reason,
    })
  })

  test('expires by the clock', async () => {
    using mesh = await world()
    const token = await good(mesh)
    mesh.clock.now += hour - 1_000
    await expect(mesh.tokens.verify(token, frontendAddress)).resolves.toBeDefined()
    mesh.clock.now += 1_000
    await expect(mesh.tokens.verify(token, frontendAddress)).rejects.toMatchObject({ reason: 'expired' })
  })

  test('of a pod that is gone', async () => {
    using mesh = await world()
    const token = await good(mesh)
    await mesh.tokens.update(registry(both.replace(/.*frontend-1.*/, '')))
    await expect(mesh.tokens.verify(token, frontendAddress)).rejects.toMatchObject({ reason: 'pod_gone' })
  })

  test.each(['10.77.0.12', '10.0.0.1', undefined])('replayed from %s', async (text) => {
    using mesh = await world()
    const address = text === undefined ? undefined : parseIp(text)
    const token = await good(mesh)
    await expect(mesh.tokens.verify(token, address)).rejects.toMatchObject({ reason: 'other_address' })
  })

  test('replayed, where the network hides addresses and the setting says so', async () => {
    using mesh = await world({ checkPeerAddress: false })
    await expect(mesh.tokens.verify(await good(mesh), parseIp('10.0.0.1'))).resolves.toBeDefined()
  })

  test('of any kind is refused, never thrown over', async () => {
    using mesh = await world()
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    )
    const token = fc.oneof(
      fc.string(),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(token, async (text) => {
        await expect(mesh.tokens.verify(text, frontendAddress)).rejects.toMatchObject({
          name: 'TokenRefused',
        })
      }),
    )
  })

  function inNamespace(mesh: World, namespace: string): Promise<string> {
    const claim = { namespace, pod: { name: 'frontend-1', uid: 'x' }, serviceaccount: { name: 'frontend' } }
    return signed(mesh, { sub: `system:serviceaccount:${namespace}:frontend`, 'kubernetes.io': claim })
  }

  async function asAccount(mesh: World, name: string): Promise<string> {
    const claim = (await claims(mesh))['kubernetes.io'] as object
    const changed = { ...claim, serviceaccount: { name } }
    return signed(mesh, { sub: `system:serviceaccount:shop:${name}`, 'kubernetes.io': changed })
  }

  function hmacToken(key: KeyObject, payload: unknown): string {
    const secret = createPublicKey(key).export({ type: 'spki', format: 'pem' })
    const content = `${encoded({ alg: 'HS256' })}.${encoded(payload)}`
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
  }

  function changedLetter(token: string): string {
    const at = token.lastIndexOf('.') + 5
    return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
  }
})
