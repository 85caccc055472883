import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { clusterSnapshot } from '../../control-plane/cluster-snapshot.ts'
import { shopText, snapshotOf } from '../testing/shop.ts'
import { describeAnswer } from './describe.ts'
import { type Answer, explain, type Problem } from './explain.ts'
import { asCluster, type ClusterLists, type Registry, type RegistryPolicy } from './testing/as-cluster.ts'

const written = parseYaml(shopText) as Registry
const nameOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`
// In the order in which a cluster of services of one age has them.
const services = written.services.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
const shop: Registry = { ...written, services }

const few = <T>(all: readonly T[]) => fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 2 })
const from = fc.oneof(
  fc.record({ serviceAccounts: few(['shop/frontend', 'shop/default', 'shop/backend', 'office/default']) }),
  fc.record({ namespaces: few(['shop', 'office', 'of*']) }),
  fc.record({ notNamespaces: few(['shop', 'office']) }),
  fc.record({ ipBlocks: few(['10.77.0.0/24', '10.77.1.11', 'fd77::/64', '192.0.2.0/24']) }),
)
const rule = fc.record(
  {
    from: fc.array(from, { minLength: 1, maxLength: 2 }),
    to: few([80, 8080, 9000]).map((ports) => [{ ports }]),
  },
  { requiredKeys: [] },
)
const place = {
  namespace: fc.constantFrom('shop', 'office', 'weft-system'),
  selector: fc.constantFrom({ app: 'backend' }, { app: 'catalog' }, { canary: 'yes' }, { app: 'frontend' }),
}
const policy: fc.Arbitrary<RegistryPolicy> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('AuthorizationPolicy'),
      name: fc.constantFrom('one', 'two', 'three'),
      ...place,
      action: fc.constantFrom('Allow', 'Deny'),
      dryRun: fc.boolean(),
      rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['kind', 'name', 'namespace', 'rules'] },
  ),
  fc.record(
    {
      kind: fc.constant('PeerAuthentication'),
      name: fc.constantFrom('one', 'two', 'three'),
      ...place,
      mode: fc.constantFrom('Strict', 'Permissive'),
      ports: fc.constantFrom({}, { 8080: 'Permissive' }, { 8080: 'Strict' }),
    },
    { requiredKeys: ['kind', 'name', 'namespace', 'mode'] },
  ),
) as fc.Arbitrary<RegistryPolicy>

const state = fc
  .record({
    egress: fc.constantFrom('passthrough', 'registry-only'),
    rejectPlaintextFromMesh: fc.boolean(),
    policies: fc.uniqueArray(policy, {
      maxLength: 5,
      selector: ({ kind, namespace, name }) => `${kind} ${namespace}/${name}`,
    }),
    flags: fc.array(fc.record({ meshed: fc.boolean(), ready: fc.boolean() }), {
      minLength: shop.workloads.length,
      maxLength: shop.workloads.length,
    }),
  })
  .map(({ flags, policies, ...settings }): Registry => {
    const pods = shop.workloads.map((pod, i) => ({ ...pod, ...(pod.hostNetwork ? {} : flags[i]) }))
    return { ...shop, mesh: { ...shop.mesh, ...settings }, workloads: pods, policies }
  })

const namesOf = (all: readonly { name: string; namespace: string; addresses?: readonly string[] }[]) =>
  all.flatMap(({ name, namespace, addresses = [] }) => [name, `${namespace}/${name}`, ...addresses])
const workloads = namesOf(shop.workloads)
const names = [...workloads, ...namesOf(shop.services)]
const question = fc
  .record({
    source: fc.constantFrom(...workloads, '198.51.100.7'),
    host: fc.constantFrom(...names, '10.77.9.9', '198.51.100.7'),
    port: fc.constantFrom(80, 8080, 9000, 9100, 15020),
    namespace: fc.constantFrom(undefined, 'shop', 'office'),
  })
  .map(({ host, port, ...asked }) => ({
    ...asked,
    destination: `${host.includes(':') ? `[${host}]` : host}:${port}`,
  }))

it('a cluster is answered for as a file that says the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      state,
      fc.array(question, { minLength: 20, maxLength: 20 }),
      async (registry, questions) => {
        const file = snapshotOf(JSON.stringify(registry))
        const cluster = await readSnapshot(asCluster(registry))
        for (const asked of questions) {
          expect(answerText(explain(cluster, asked))).toEqual(answerText(explain(file, asked)))
        }
      },
    ),
    { numRuns: 25 },
  )
})

async function readSnapshot(lists: ClusterLists) {
  const reading = await clusterSnapshot({
    namespace: 'weft-system',
    ask: (path) => {
      const items = lists[path.split('?')[0]!]
      return Promise.resolve(
        items ? { status: 200, body: { metadata: {}, items } } : { status: 404, body: {} },
      )
    },
  })
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading))
  return reading.snapshot
}

/** Without what only a file says: which endpoints of a service are not ready, and the order of all. */
function answerText(answer: Answer | Problem): string {
  if ('problem' in answer) return answer.problem
  const outcomes = answer.outcomes
    .map((outcome) => (outcome.because.endsWith('no ready endpoint') ? { ...outcome, changes: [] } : outcome))
    .toSorted(byAddress)
  return describeAnswer({ ...answer, outcomes }, {})
}

function byAddress(a: Answer['outcomes'][number], b: Answer['outcomes'][number]): number {
  return (a.address?.ip ?? '') < (b.address?.ip ?? '') ? -1 : 1
}
