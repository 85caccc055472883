import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identityRequestsFile, identityStatusFile } from '#mesh/identity-requests.ts'
import { type RotationStatus, rotationStatusKey } from '#mesh/rotation-status.ts'
import { runWeft } from '../testing/run-weft.ts'

let stateDir: string
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'weft-rotate-'))
})
afterEach(() => rmSync(stateDir, { recursive: true }))

const stable: RotationStatus = {
  phase: 'stable',
  since: '2026-11-28T12:00:00.000Z',
  roots: [{ fingerprint: 'a'.repeat(64), role: 'signing', notAfter: '2036-11-28T12:00:00.000Z' }],
  issuer: '2027-11-28T12:00:00.000Z',
  serving: '2026-11-29T12:00:00.000Z',
  waits: [],
  leftBehind: { count: 0, names: [] },
}

function told(status: RotationStatus): void {
  writeFileSync(
    join(stateDir, identityStatusFile),
    JSON.stringify({ [rotationStatusKey]: JSON.stringify(status) }),
  )
}

const weft = (...args: readonly string[]) => runWeft(['identity', ...args, '--state-dir', stateDir])

describe('weft identity rotate', () => {
  it('asks once, in the state directory', async () => {
    told(stable)
    const { status, stdout } = await weft('rotate', '--no-wait')
    expect([status, stdout]).toEqual([
      0,
      `asked for another root in ${join(stateDir, identityRequestsFile)}\n`,
    ])
    const { rotate } = JSON.parse(readFileSync(join(stateDir, identityRequestsFile), 'utf8')) as {
      rotate: string
    }
    expect(Date.now() - Date.parse(rotate)).toBeLessThan(60_000)
    const again = await weft('rotate', '--no-wait')
    expect(again.status).toBe(1)
    expect(again.stderr).toContain(`it was asked for at ${rotate}, and the control plane has not begun yet`)
  })

  it.each([
    [
      'one is under way',
      { ...stable, phase: 'retiring' },
      'a rotation is under way, retiring since 2026-11-28',
    ],
    [
      'the root is somebody else’s',
      { ...stable, roots: [{ ...stable.roots[0]!, plugged: true }] },
      'plug in another one',
    ],
  ] as const)('is refused while %s', async (_, status, message) => {
    told(status)
    const ran = await weft('rotate')
    expect(ran.status).toBe(1)
    expect(ran.stderr).toContain(message)
    if (status.phase === 'stable') return
    expect(ran.stderr).toContain(
      `, and no other was asked for: follow this one with weft identity status --watch --state-dir ${stateDir}\n`,
    )
  })

  it('needs a control plane that has said how its roots stand', async () => {
    for (const command of ['rotate', 'status']) {
      const { status, stderr } = await weft(command)
      expect(status).toBe(2)
      expect(stderr).toContain('the control plane has not said how its roots stand')
    }
  })
})

describe('weft identity status', () => {
  it('tells the same to people and to programs', async () => {
    told(stable)
    expect((await weft('status')).stdout).toMatch(/^root that signs +aaaaaaaaaaaa, good for another/m)
    expect(JSON.parse((await weft('status', '-o', 'json')).stdout)).toEqual(stable)
  })
})
