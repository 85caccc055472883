import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseFlatDocument } from '#mesh/flat-document.ts'
import {
  formatRevocationStatus,
  identityRequestsFile,
  identityStatusFile,
  parseIdentityRequests,
  revocationStatusKey,
} from '#mesh/identity-requests.ts'
import { fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { runWeft } from '../testing/run-weft.ts'

let stateDir: string
let end: AbortController
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'weft-revoke-'))
  end = new AbortController()
  const claims = { 'kubernetes.io': { pod: { name: 'frontend-1', uid: 'uid-1' } } }
  mkdirSync(join(stateDir, 'tokens', 'shop'), { recursive: true })
  const token = `head.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
  writeFileSync(join(stateDir, 'tokens', 'shop', 'frontend-1'), token)
})
afterEach(() => {
  end.abort()
  rmSync(stateDir, { recursive: true })
})

function revocations() {
  const text = readFileSync(join(stateDir, identityRequestsFile), 'utf8')
  return [...parseIdentityRequests(parseFlatDocument(text)!).requests.revocations.values()]
}

/** A control plane that obeys whatever it is asked, until the test ends. */
async function obey(serials: number): Promise<void> {
  const { signal } = end
  const file = join(stateDir, identityStatusFile)
  while (!signal.aborted) {
    if (existsSync(join(stateDir, identityRequestsFile))) {
      const entries = revocations().map(({ podUid, at }) => {
        return [revocationStatusKey(podUid), formatRevocationStatus({ at, serials })]
      })
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(entries)))
      renameSync(`${file}.new`, file)
    }
    await delay(20)
  }
}

const revoke = (...args: readonly string[]) =>
  runWeft(['identity', 'revoke', ...args], { env: { WEFT_STATE_DIR: stateDir } })

describe('weft identity revoke', () => {
  it('asks for it by UID, waits until it is so, and tells how much was taken back', async () => {
    void obey(2)
    const { status, stdout } = await revoke('frontend-1', '-n', 'shop', '--reason', 'stolen')
    expect(stdout).toBe(`\
pod shop/frontend-1 (uid-1) is revoked: 2 certificates of it, and it gets no more
other pods of its service account go on; a policy with action: Deny would cut off all of them
`)
    expect(status).toBe(0)
    expect(revocations()).toMatchObject([
      { podUid: 'uid-1', namespace: 'shop', pod: 'frontend-1', reason: 'stolen' },
    ])
  })

  it('says what certificates nobody could find', async () => {
    void obey(0)
    const { stdout } = await revoke('shop/frontend-1')
    expect(stdout).toContain(
      '0 certificates of it, and it gets no more\n' +
        'if it was given one before the control plane kept serials, that one is good until it expires\n',
    )
  })

  it('is a document for programs', async () => {
    void obey(1)
    const { stdout } = await revoke('shop/frontend-1', '-o', 'json')
    expect(JSON.parse(stdout)).toEqual({
      namespace: 'shop',
      pod: 'frontend-1',
      podUid: 'uid-1',
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      inForce: true,
      certificates: 1,
    })
  })

  it('says when the control plane does not, and leaves the request', async () => {
    // What it said of an earlier request counts for nothing.
    const before = { [revocationStatusKey('uid-1')]: formatRevocationStatus({ at: 0, serials: 1 }) }
    writeFileSync(join(stateDir, identityStatusFile), JSON.stringify(before))
    const { status, stdout, stderr } = await revoke('shop/frontend-1', '--timeout', '1500ms')
    expect(status).toBe(1)
    expect(stdout).toContain('did not say within 1.5 s that it is: does it run?')
    expect(stderr).toContain('waiting for the control plane')
    expect(revocations()).toHaveLength(1)
  })

  it('takes it back', async () => {
    void obey(1)
    await revoke('shop/frontend-1')
    const { status, stdout } = await revoke('shop/frontend-1', '--undo')
    expect(stdout).toBe('pod shop/frontend-1 (uid-1) is revoked no longer\n')
    expect(status).toBe(0)
    expect(revocations()).toEqual([])
    expect(await revoke('shop/frontend-1', '--undo')).toMatchObject({
      status: 1,
      stderr: `weft identity revoke: shop/frontend-1 is not revoked in ${join(stateDir, identityRequestsFile)}\n`,
    })
  })

  it('finds no pod that is gone, but revokes it by its UID', async () => {
    void obey(1)
    expect(await revoke('shop/frontend-2')).toMatchObject({
      status: 1,
      stderr:
        'weft identity revoke: there is no pod shop/frontend-2: name one that is there, or give the --uid of one that ' +
        'is gone\n',
    })
    expect((await revoke('shop/frontend-2', '--uid', 'uid-2')).status).toBe(0)
    expect(revocations()).toMatchObject([{ podUid: 'uid-2', pod: 'frontend-2' }])
  })

  it.each([
    ['a/b/c', [], 'a/b/c is no pod: write NAME or NAMESPACE/NAME'],
    ['../../etc', [], '../../etc is no pod: write NAME or NAMESPACE/NAME'],
    ['shop/a', ['-n', 'other'], 'shop/a is not in the namespace other: leave one of them out'],
    [
      'shop/a',
      ['--uid', 'a.b'],
      '--uid a.b: is no UID of a pod; the log has it where its certificates were issued',
    ],
    ['shop/a', ['--timeout', 'soon'], '--timeout soon: write a time, e.g. 30s'],
  ])('does not take %s %j', async (pod, args, problem) => {
    expect(await revoke(pod, ...args)).toMatchObject({
      status: 2,
      stderr: `weft identity revoke: ${problem}\n`,
    })
  })

  it('asks a cluster in the same way', async () => {
    const collection = '/api/v1/namespaces/weft-system/configmaps'
    await using api = await fakeApiServer({
      'GET /api/v1/namespaces/shop/pods/frontend-1': { metadata: { uid: 'uid-1' } },
      [`PATCH ${collection}/weft-identity`]: {},
    })
    const args = ['identity', 'revoke', 'shop/frontend-1', '--timeout', '10ms']
    const { status } = await runWeft(args, { env: { KUBECONFIG: api.kubeconfig } })
    expect(status).toBe(1)
    expect(api.bodies).toMatchObject([
      { data: { 'revoke.uid-1': expect.stringContaining('"pod":"frontend-1"') } },
    ])
    expect(api.asked).toContain(`GET ${collection}/weft-identity-status`)
  })

  describe('in a cluster of two replicas', () => {
    const namespace = '/api/v1/namespaces/weft-system'
    const status = `GET ${namespace}/configmaps/weft-identity-status`
    const replicas = ['a', 'b'].map((name) => ({
      metadata: { name },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    }))

    /** An API server on which these replicas obey whatever is asked, as soon as it is. */
    async function cluster(obeying: readonly string[]) {
      const answers: Record<string, unknown> = {
        'GET /api/v1/namespaces/shop/pods/frontend-1': { metadata: { uid: 'uid-1' } },
        [`GET ${namespace}/pods`]: { items: replicas },
        [`PATCH ${namespace}/configmaps/weft-identity`]: {},
      }
      const api = await fakeApiServer(answers)
      const obey = async () => {
        await expect.poll(() => api.bodies.length, { timeout: 10_000 }).toBe(1)
        const { data } = api.bodies[0] as { data: Record<string, string> }
        const { at } = JSON.parse(data['revoke.uid-1']!) as { at: string }
        const entries = obeying.map((name, i) => [
          revocationStatusKey('uid-1', name),
          formatRevocationStatus({ at: Date.parse(at), serials: i + 1 }),
        ])
        answers[status] = { data: Object.fromEntries(entries) as unknown }
      }
      return { api, obeyed: obey() }
    }

    const revokeThere = (kubeconfig: string, ...args: readonly string[]) =>
      runWeft(['identity', 'revoke', 'shop/frontend-1', ...args], { env: { KUBECONFIG: kubeconfig } })

    it('waits for both', async () => {
      const { api, obeyed } = await cluster(['a', 'b', 'gone'])
      await using _ = api
      const result = await revokeThere(api.kubeconfig, '-o', 'json')
      await obeyed
      expect(JSON.parse(result.stdout)).toMatchObject({ inForce: true, certificates: 2 })
      expect(result.status).toBe(0)
    })

    it('names the one that does not obey', async () => {
      const { api, obeyed } = await cluster(['a', 'gone'])
      await using _ = api
      const result = await revokeThere(api.kubeconfig, '--timeout', '2s')
      await obeyed
      expect(result.stderr).toContain('1 of 2 replicas of the control plane obey; waiting for b ...\n')
      expect(result.stdout).toContain(
        'only 1 of 2 replicas of the control plane said within 2 s that it is, and not b: does it reach',
      )
      expect(result.status).toBe(1)
    })
  })
})
