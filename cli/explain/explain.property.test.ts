import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate, workloadPolicies } from '#mesh/policy/evaluate.ts'
import { resolveRoute } from '#mesh/route.ts'
import { shopText, snapshotOf } from '../testing/shop.ts'
import { describeAnswer } from './describe.ts'
import { answerDocument } from './document.ts'
import { explain } from './explain.ts'

const shop = snapshotOf(shopText)
const workloads = [...shop.workloads.values()]
const services = [...shop.services.values()]
const names = [...workloads, ...services].flatMap(({ name, namespace }) => [name, `${namespace}/${name}`])
const ips = [...workloads, ...services].flatMap(({ addresses }) =>
  addresses.map((address) => (typeof address === 'string' ? address : address.ip)),
)

const part = fc.oneof(
  fc.constantFrom(
    ...names,
    ...ips,
    '[fd77::21]',
    '127.0.0.1',
    '198.51.100.1',
    '10.77.9.9',
    '::ffff:10.77.0.21',
  ),
  fc.constantFrom(
    ':',
    '/',
    '.',
    '[',
    ']',
    '80',
    '8080',
    '15008',
    '0',
    '65536',
    '-',
    '*',
    '\n',
    '\u0000',
    '%eth0',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)
const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(''))
const question = fc.record({
  source: fc.oneof(text, fc.constantFrom(...names, ...ips)),
  destination: fc.oneof(
    text,
    fc
      .tuple(fc.constantFrom(...names, ...ips), fc.constantFrom(80, 8080, 9000, 15020))
      .map((pair) => pair.join(':')),
  ),
})

describe('explain', () => {
  it('has an answer or a problem of one line for any text', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const answer = explain(shop, asked)
        if ('problem' in answer) {
          expect(answer.problem).toMatch(/^[^\p{Cc}]+$/u)
          return
        }
        expect(answer.outcomes.length).toBeGreaterThan(0)
        expect(describeAnswer(answer, {})).toMatch(new RegExp(`^${answer.verdict}: `))
        expect(answerDocument(answer).endpoints).toHaveLength(answer.outcomes.length)
      }),
      { numRuns: 2_000 },
    )
  })

  it('agrees with what the two sidecars decide', () => {
    const meshed = workloads.filter(({ tunnel }) => tunnel === 'hbone')
    const pair = fc.record({
      source: fc.constantFrom(...meshed),
      ip: fc.constantFrom(...ips),
      port: fc.constantFrom(80, 8080, 9000, 9100),
    })
    fc.assert(
      fc.property(pair, ({ source, ip, port }) => {
        const target = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
        const answer = explain(shop, { source: source.addresses[0]!, destination: target })
        if ('problem' in answer) throw new Error(answer.problem)
        const route = resolveRoute(shop, { ip, port }, new Set(source.addresses))
        if (route.kind !== 'endpoints') {
          expect(answer.verdict).toBe(route.kind === 'passthrough' ? 'yes' : 'no')
          return
        }
        const decided = route.endpoints.map(({ address, workload, transport }) => {
          if (transport !== 'hbone') return true
          const policies = workloadPolicies(workload!.authorizationPolicies, shop.authorizations)
          const facts = { peer: source.identity, sourceIp: source.addresses[0]!, destination: address }
          return evaluate(facts, policies).kind === 'permit'
        })
        expect(answer.outcomes.map(({ allowed }) => allowed)).toEqual(decided)
      }),
    )
  })
})
