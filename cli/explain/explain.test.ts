import { describe, expect, it } from 'vitest'
import { runWeft } from '../testing/run-weft.ts'
import { shopFile, shopText, snapshotOf } from '../testing/shop.ts'
import { describeAnswer } from './describe.ts'
import { type Answer, explain } from './explain.ts'

const shop = snapshotOf(shopText)

function ask(source: string, destination: string, snapshot = shop): Answer {
  const answer = explain(snapshot, { source, destination })
  if ('problem' in answer) throw new Error(answer.problem)
  return answer
}

describe('an answer, as text', () => {
  it.each([
    ['allowed-to-one-endpoint', 'frontend-1', 'backend:80'],
    ['refused-alike-by-every-endpoint', 'report', 'shop/backend:80'],
    ['refused-by-endpoints-differently', 'visitor', 'backend:9000'],
    ['dry-run', 'visitor', '10.77.0.31:8080'],
    ['strict', 'legacy', 'catalog:80'],
    ['strict-except-at-a-port', 'legacy', '10.77.0.31:9100'],
    ['unmeshed-destination', 'frontend-1', 'db:5432'],
    ['itself', 'backend-1', '10.77.0.21:8080'],
    ['from-outside-over-ipv6', 'fd00::7', '[fd77::21]:8080'],
    ['host-network', '192.0.2.10', 'catalog.office:80'],
    ['no-ready-endpoint', 'frontend-1', 'cart:80'],
    ['no-endpoint-at-all', 'frontend-1', 'nobody:80'],
    ['no-such-port', 'frontend-1', 'backend:8080'],
    ['unknown-in-mesh', 'frontend-1', '10.77.9.9:80'],
    ['nobody-meshed', 'legacy', '10.77.9.9:80'],
    ['egress', 'frontend-1', '198.51.100.1:443'],
    ['loopback', 'frontend-1', '127.0.0.1:5432'],
    ['sidecar-port', 'frontend-1', 'backend-1:15008'],
    ['metrics-in-plaintext', 'legacy', 'backend-2:15020'],
  ])('%s', async (name, source, destination) => {
    const text = describeAnswer(ask(source, destination), {})
    await expect(`${text}\n`).toMatchFileSnapshot(`../testdata/explain/${name}.txt`)
  })
})

describe('what would change the answer, done', () => {
  it.each([
    ['no', 'frontend-1', 'cart:80', 'ready: false', 'ready: true'],
    ['yes', 'frontend-1', '198.51.100.1:443', 'mesh:\n', 'mesh:\n  egress: registry-only\n'],
    ['yes', 'frontend-1', 'db:5432', '{ app: db }, meshed: false', '{ app: db }'],
    ['yes', 'visitor', 'shop/catalog:80', 'dryRun: true', 'dryRun: false'],
    ['no', 'legacy', 'catalog:80', '9100: Permissive', '8080: Permissive'],
    ['no', 'visitor', '10.77.0.21:8080', '[shop/frontend]', '[shop/frontend, shop/default]'],
  ])('changes %s', (before, source, destination, written, instead) => {
    expect(ask(source, destination).verdict).toBe(before)
    const changed = snapshotOf(shopText.replaceAll(written, instead))
    expect(ask(source, destination, changed).verdict).toBe(before === 'yes' ? 'no' : 'yes')
  })
})

describe('an answer of several families', () => {
  it('names an endpoint once that has an address of one only', () => {
    const dual = snapshotOf(shopText.replace('[10.77.100.2]', "[10.77.100.2, 'fd77::100:2']"))
    expect(ask('frontend-1', 'catalog:80', dual).outcomes).toHaveLength(1)
  })

  it('judges by the source’s address of the endpoint’s family', () => {
    const dual = snapshotOf(`${shopText.replace('[10.77.0.11]', "[10.77.0.11, 'fd77::11']")}
  - kind: AuthorizationPolicy
    name: not-from-ipv6
    namespace: shop
    selector: { app: frontend }
    action: Deny
    rules: [{ from: [{ ipBlocks: ['fd77::21'] }] }]
`)
    expect(ask('backend-1', '10.77.0.11:80', dual).verdict).toBe('yes')
    expect(ask('backend-1', '[fd77::11]:80', dual).verdict).toBe('no')
    expect(ask('backend-1', 'frontend-1:80', dual).verdict).toBe('partly')
  })
})

describe('weft explain', () => {
  const registry = ['--registry', shopFile]

  it('ends with 0 when the connection is allowed, and takes the file from the environment', async () => {
    const env = { WEFT_REGISTRY: shopFile }
    const { status, stdout } = await runWeft(['explain', 'frontend-1', '10.77.0.21:8080'], { env })
    expect(status).toBe(0)
    expect(stdout).toMatch(/^yes: shop\/frontend-1 may connect to 10\.77\.0\.21:8080\n/)
  })

  it('ends with 1 when it is not, or not everywhere', async () => {
    const [refused, partly] = await Promise.all([
      runWeft(['explain', 'visitor', 'backend:80', ...registry]),
      runWeft(['explain', 'frontend-1', 'backend:80', ...registry]),
    ])
    expect([refused.status, partly.status]).toEqual([1, 1])
    expect(refused.stdout).toMatch(/^no: /)
    expect(partly.stdout).toMatch(/^partly: /)
  })

  it('answers in JSON', async () => {
    const { status, stdout } = await runWeft([
      'explain',
      'frontend-1',
      'backend:80',
      '-o',
      'json',
      ...registry,
    ])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      allowed: false,
      verdict: 'partly',
      source: {
        workload: 'shop/frontend-1',
        identity: 'spiffe://cluster.local/ns/shop/sa/frontend',
        meshed: true,
      },
      destination: { service: 'shop/backend.shop.svc.cluster.local', addresses: ['10.77.100.1'], port: 80 },
      endpoints: [
        { address: '10.77.0.21:8080', allowed: true, transport: 'mutual_tls' },
        {
          address: '10.77.0.22:8080',
          allowed: false,
          decidedBy: { policy: 'AuthorizationPolicy shop/no-canary', rule: 0 },
        },
      ],
    })
  })

  it('ends with 2 and one line for a name that nobody has', async () => {
    expect(await runWeft(['explain', 'frontnd-1', 'backend:80', ...registry])).toEqual({
      status: 2,
      stdout: '',
      stderr: 'weft explain: no workload is named "frontnd-1": did you mean frontend-1?\n',
    })
  })
})
