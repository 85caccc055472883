import { parse } from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { snapshotDocument } from '#mesh/snapshot-document.ts'
import { startAdmin, startStranger, type TestAdmin } from '../proxy/testing/admin.ts'
import { runWeft } from '../testing/run-weft.ts'
import { shopText, snapshotOf } from '../testing/shop.ts'
import { explain } from './explain.ts'
import { picture } from './picture.ts'

const shop = snapshotOf(shopText)

describe('weft explain, asking the sidecar of backend-1', () => {
  let admin: TestAdmin
  beforeAll(async () => {
    admin = await startAdmin()
  })
  afterAll(async () => await admin?.[Symbol.asyncDispose]())
  const ask = (source: string, destination: string, ...more: string[]) =>
    runWeft(['explain', source, destination, '--admin', admin.url, ...more])

  it('answers by what the sidecar holds, and says how good that is', async () => {
    const { status, stdout, stderr } = await ask('frontend-1', '10.77.0.21:8080')
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toContain('yes: shop/frontend-1 may connect to 10.77.0.21:8080')
    expect(stdout).toContain('Note: as the sidecar of shop/backend-1 sees the mesh right now')
    expect(stdout).toContain('Note: it is not ready, and waits for the trust bundle')
    expect(stdout).toContain('Note: its control plane is away')
  })

  it('says what would change the answer', async () => {
    const { status, stdout } = await ask('report', '10.77.0.21:8080', '-o', 'json')
    expect(status).toBe(1)
    const { endpoints } = JSON.parse(stdout)
    const onFile = explain(shop, { source: 'report', destination: '10.77.0.21:8080' })
    if ('problem' in onFile) throw new Error(onFile.problem)
    expect(endpoints[0].changes).toEqual(onFile.outcomes[0]!.changes)
    expect(endpoints[0].changes.length).toBeGreaterThan(0)
  })

  it('refuses a bad question as on a file', async () => {
    const { status, stderr } = await ask('frontent-1', 'backend:80')
    expect(status).toBe(2)
    expect(stderr).toMatch(/^weft explain: no workload is named "frontent-1": did you mean frontend-1\?/)
  })

  it('tells where no sidecar answers', async () => {
    await using stranger = await startStranger()
    const args = ['explain', 'frontend-1', 'backend:80', '--admin', stranger.url]
    const { status, stderr } = await runWeft(args)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^weft explain: GET \S+\/picture: the sidecar answered 404/)
  })
})

describe('a picture', () => {
  it('decides, once written and read, like what it was made of', () => {
    const document = {
      own: 'Kubernetes//Pod/shop/backend-1',
      controlPlane: 'connected',
      mesh: snapshotDocument(shop),
    }
    const { mesh } = parse(picture, JSON.parse(JSON.stringify(document)))
    const names = [...shop.workloads.values()].map(({ namespace, name }) => `${namespace}/${name}`)
    for (const source of names) {
      for (const destination of ['backend:80', 'catalog:80', 'cart:80', 'db:5432', '198.51.100.1:443']) {
        const question = { source, destination }
        expect(explain(mesh, question)).toEqual(explain(shop, question))
      }
    }
  })

  it('is refused with a part that is none', () => {
    const mesh = snapshotDocument(shop)
    const bad = { ...mesh, workloads: [{ ...mesh.workloads[0], addresses: ['10.77.0.300'] }] }
    expect(() => parse(picture, { own: '', controlPlane: 'away', mesh: bad })).toThrow(
      '10.77.0.300 is not an IP address',
    )
  })
})

describe('a sidecar that is not told the policies of the destination', () => {
  it('says whom to ask, and answers where the policies are its own', async () => {
    const held = shop.workloads.get('Kubernetes//Pod/shop/backend-1')!.authorizationPolicies
    await using admin = await startAdmin({ policies: held })
    const ask = (destination: string) => runWeft(['explain', 'frontend-1', destination, '--admin', admin.url])
    const { status, stderr } = await ask('catalog:80')
    expect(status).toBe(2)
    expect(stderr).toMatch(
      /^weft explain: the sidecar of shop\/backend-1 is not told \w+ shop\/catalog\S*, which holds on shop\/catalog: ask the sidecar of shop\/catalog, with --netns or --admin$/m,
    )
    expect((await ask('10.77.0.21:8080')).status).toBe(0)
  })
})
