import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identityRequestsFile, identityStatusFile } from '#mesh/identity-requests.ts'
import { openTarget } from './target.ts'

let stateDir: string
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'weft-identity-'))
})
afterEach(() => rmSync(stateDir, { recursive: true }))

const target = () =>
  openTarget('weft identity', { stateDir, context: undefined, weftNamespace: 'weft-system' })
const written = () => JSON.parse(readFileSync(join(stateDir, identityRequestsFile), 'utf8')) as unknown

describe('the control plane of this machine', () => {
  it('was asked for nothing and did nothing, to begin with', async () => {
    const { requests, status } = await target()
    expect([await requests(), await status()]).toEqual([{}, {}])
  })

  it('is asked entry by entry: others stay', async () => {
    const { write, requests } = await target()
    await write({ a: '1', b: '2' })
    await write({ b: '3', c: null })
    expect(await requests()).toEqual({ a: '1', b: '3' })
    await write({ a: null })
    expect(written()).toEqual({ b: '3' })
    expect(readdirSync(stateDir)).toEqual([identityRequestsFile])
  })

  it('hears of everything that is asked at the same time', async () => {
    const { write } = await target()
    const names = Array.from({ length: 20 }, (_, i) => `key-${i}`)
    await Promise.all(names.map((name) => write({ [name]: 'asked' })))
    expect(Object.keys(written() as object).sort()).toEqual(names.toSorted())
  })

  it('says what it did', async () => {
    writeFileSync(join(stateDir, identityStatusFile), '{"revoked.uid-1":"{}"}')
    expect(await (await target()).status()).toEqual({ 'revoked.uid-1': '{}' })
  })

  it('knows pods by the tokens that it gave them', async () => {
    const claims = { 'kubernetes.io': { pod: { name: 'frontend-1', uid: 'uid-1' } } }
    const token = ['head', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'signature'].join('.')
    mkdirSync(join(stateDir, 'tokens', 'shop'), { recursive: true })
    writeFileSync(join(stateDir, 'tokens', 'shop', 'frontend-1'), token)
    writeFileSync(join(stateDir, 'tokens', 'shop', 'broken'), 'no token')
    const { podUid } = await target()
    expect(await podUid('shop', 'frontend-1')).toBe('uid-1')
    expect(await podUid('shop', 'frontend-2')).toBeUndefined()
    expect(await podUid('shop', 'broken')).toBeUndefined()
  })

  it('is not found in a directory that is not there', async () => {
    stateDir = join(stateDir, 'none')
    await expect(target()).rejects.toMatchObject({
      message: `weft identity: ${stateDir} is no directory: name the state directory of the control plane`,
      status: 2,
    })
    mkdirSync(stateDir)
  })

  it('is not asked anew over a file that cannot be read', async () => {
    writeFileSync(join(stateDir, identityRequestsFile), 'lost')
    const { write } = await target()
    await expect(write({ a: '1' })).rejects.toThrow('is no JSON object: put the right file back')
    expect(readdirSync(stateDir)).toEqual([identityRequestsFile])
  })

  it('is not asked while a half-written file is in the way, which is named', async () => {
    writeFileSync(join(stateDir, `${identityRequestsFile}.new`), '')
    await expect((await target()).write({ a: '1' })).rejects.toThrow(
      `${identityRequestsFile}.new is in the way: remove it, unless another command is writing`,
    )
  })
})
