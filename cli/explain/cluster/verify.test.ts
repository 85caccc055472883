import { connect as dial } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { connect } from '../../kubernetes/connection.ts'
import { fakeApiServer } from '../../kubernetes/testing/fake-api-server.ts'
import { startAdmin } from '../../proxy/testing/admin.ts'
import { shopText } from '../../testing/shop.ts'
import { answersOf, asCluster, type Registry } from '../testing/as-cluster.ts'
import { answerFrom } from './answer.ts'

const registry = parseYaml(shopText) as Registry
const shop = asCluster(registry)
const question = { source: 'frontend-1', destination: '10.77.0.21:8080' }

afterEach(() => vi.unstubAllEnvs())

/** Asks a cluster whose pods all have the sidecar of backend-1, which holds these policies, or none that answers. */
async function verified(policies: readonly string[] | undefined, lists = shop, asked = question) {
  await using api = await fakeApiServer(answersOf(lists))
  await using admin = await startAdmin(policies && { policies })
  vi.stubEnv('KUBECONFIG', api.kubeconfig)
  const connection = await connect({ command: 'weft explain', context: 'fake' })
  const ports: object[] = []
  const { port } = new URL(admin.url)
  const openPort: typeof connection.openPort = (wanted) => {
    ports.push(wanted)
    return Promise.resolve(dial(Number(port), '127.0.0.1'))
  }
  const reachable = policies === undefined ? connection : { ...connection, openPort }
  const options = { context: undefined, meshNamespace: 'weft-system', verified: true }
  return { answer: await answerFrom(reachable, options, asked), ports }
}

describe('weft explain --verify', () => {
  it('asks the sidecar of the endpoint, and says that it decides the same', async () => {
    const { answer, ports } = await verified(['shop/backend'])
    expect(ports).toEqual([{ namespace: 'shop', pod: 'backend-1', port: 15_000 }])
    expect(answer).toMatchObject({
      verdict: 'yes',
      notes: [
        'the sidecar of shop/backend-1 decides the same',
        'the sidecar of shop/backend-1 is not ready, and waits for the trust bundle',
        'the control plane of shop/backend-1’s sidecar is away: that is what it heard last, and what it enforces',
      ],
    })
  })

  it('answers as a sidecar decides that a policy has not arrived at', async () => {
    const { answer } = await verified([])
    expect(answer).toMatchObject({
      verdict: 'no',
      outcomes: [
        {
          allowed: false,
          because: 'AuthorizationPolicy shop/backend holds on the workload and has not arrived there',
          changes: [expect.stringContaining('weft proxy config shows what arrived')],
        },
      ],
      notes: expect.arrayContaining([
        'the sidecar of shop/backend-1 decides otherwise than the objects say, by which rule 0 of AuthorizationPolicy shop/backend allows it',
      ]),
    })
  })

  const refused = asCluster({
    ...registry,
    policies: registry.policies!.map((policy) =>
      policy.name === 'backend' ? { ...policy, action: 'Audit' } : policy,
    ),
  })

  it('knows what holds in the place of a policy that is refused', async () => {
    const { answer } = await verified(['shop/backend'], refused)
    expect(answer).toMatchObject({
      verdict: 'yes',
      notes: expect.arrayContaining([
        expect.stringMatching(/^AuthorizationPolicy shop\/backend: the control plane accepts it/),
      ]),
    })
  })

  it('says which sidecar it could not ask, and gives no answer that depends on it', async () => {
    const { answer } = await verified(undefined)
    expect(answer).toMatchObject({
      verdict: 'yes',
      notes: [
        'the sidecar of shop/backend-1 could not be asked: no sidecar answers in pod shop/backend-1 (there is no pod shop/backend-1): see weft status',
      ],
    })
    await expect(verified(undefined, refused)).rejects.toThrow(
      'weft explain: this cannot be answered: of AuthorizationPolicy shop/backend',
    )
  })

  it('asks nobody who has no say', async () => {
    const { answer, ports } = await verified([], shop, { source: 'frontend-1', destination: 'db:5432' })
    expect(ports).toEqual([])
    expect(answer.verdict).toBe('yes')
  })
})
