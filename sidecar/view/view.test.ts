import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backendKey, ip, service, settings, to, workload } from '#mesh/testing/mesh.ts'
import { policy, self, trusting } from '../testing/pictures.ts'
import { judge, missingPart, type Update, View } from './view.ts'

const web = workload('web', ['10.77.0.1'])
const deny = policy('deny', 'deny', { destinationPorts: [80] })

function view(...updates: readonly Update[]): View {
  const view = new View({ ownUid: self.uid })
  for (const update of updates) view.apply(update)
  return view
}

describe('the first picture', () => {
  it('lets nothing out and nothing in', () => {
    const picture = view().current()
    expect(picture).toMatchObject({
      settled: false,
      own: undefined,
      trust: undefined,
      settings: { egress: 'registry-only', rejectPlaintextFromMesh: true },
    })
    expect(missingPart(picture)).toBe('the mesh’s settings')
  })
})

describe('an update', () => {
  it('is a new picture; who holds the old one sees nothing of it', () => {
    const held = view({ workloads: [web] })
    const before = held.current()
    held.apply({ removedAddresses: [web.uid], services: [service(['10.77.100.1'])], authorizations: [deny] })
    expect([before.workloadAt(ip('10.77.0.1')), before.services.size, before.authorizations.size]).toEqual([
      web,
      0,
      0,
    ])
    const after = held.current()
    expect(after).not.toBe(before)
    expect([after.workloadAt(ip('10.77.0.1')), after.services.size, after.authorizations.size]).toEqual([
      undefined,
      1,
      1,
    ])
  })

  it('of somebody else’s workload leaves the policies, and what was made of them, alone', () => {
    const own = { ...self, authorizationPolicies: [deny.key] }
    const held = view({ workloads: [own], authorizations: [deny] })
    const before = held.current().policies
    held.apply({ workloads: [web] })
    expect(held.current().policies.deny).toBe(before.deny)
    held.apply({ authorizations: [{ ...deny }] })
    expect(held.current().policies.deny).not.toBe(before.deny)
  })

  it('is seen whole: nobody is told before all of it is there', () => {
    const held = view({ settings: settings(), workloads: [web] })
    const seen: unknown[] = []
    held.onChange(() => {
      const { own, policies, trust } = held.current()
      seen.push([own?.uid, policies.missing, trust !== undefined])
    })
    held.apply({
      workloads: [{ ...self, authorizationPolicies: [deny.key] }],
      authorizations: [deny],
      trust: trusting('root'),
    })
    expect(seen).toEqual([[self.uid, [], true]])
  })

  it('keeps what it does not speak of', () => {
    const trust = trusting('root')
    const held = view({
      settings: settings(),
      trust,
      workloads: [web],
      services: [service([])],
      authorizations: [deny],
    })
    const before = held.current()
    held.apply({})
    const after = held.current()
    expect([after.settings, after.trust, after.settled]).toEqual([before.settings, trust, true])
    expect([after.workloads, after.services, after.authorizations]).toEqual([
      before.workloads,
      before.services,
      before.authorizations,
    ])
  })

  it('replaces what it names, and may name what it removes', () => {
    const held = view({ workloads: [web] })
    const moved = { ...web, addresses: [ip('10.77.0.2')] }
    held.apply({ workloads: [moved], removedAddresses: [web.uid] })
    expect(held.current().workloadAt(ip('10.77.0.1'))).toBeUndefined()
    expect(held.current().workloadAt(ip('10.77.0.2'))).toEqual(moved)
  })

  it('removes workloads and services by one list of names, policies by another', () => {
    const held = view({ workloads: [web], services: [service(['10.77.100.1'])], authorizations: [deny] })
    held.apply({ removedAddresses: [web.uid, backendKey, deny.key, 'nobody'] })
    expect([held.current().workloads.size, held.current().services.size]).toEqual([0, 0])
    expect(held.current().authorizations.size).toBe(1)
    held.apply({ removedAuthorizations: [deny.key] })
    expect(held.current().authorizations.size).toBe(0)
  })

  it('in any number of steps comes to the same as all at once', () => {
    const item = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      last: fc.integer({ min: 1, max: 9 }),
      gone: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(item), (steps) => {
        const held = view()
        const expected = new Map<string, string>()
        for (const { name, last, gone } of steps) {
          const pod = workload(name, [`10.77.0.${last}`])
          held.apply(gone ? { removedAddresses: [pod.uid] } : { workloads: [pod] })
          if (gone) expected.delete(pod.uid)
          else expected.set(pod.uid, `10.77.0.${last}`)
        }
        const found = [...held.current().workloads.values()].map(({ uid, addresses }) => [uid, addresses[0]])
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
      }),
    )
  })
})

describe('who listens', () => {
  it('is told of every change until they stop', () => {
    const held = view()
    let told = 0
    const end = held.onChange(() => {
      told += 1
    })
    held.apply({ workloads: [web] })
    held.apply({})
    end()
    held.apply({ workloads: [web] })
    expect(told).toBe(2)
  })
})

describe('the policies of this pod', () => {
  const facts = { peer: undefined, sourceIp: ip('10.77.0.2'), destination: to('10.77.0.9', 80) }

  it('are those that its workload names, and no others', () => {
    const held = view({ workloads: [self], authorizations: [deny] })
    expect(judge(held.current(), facts).kind).toBe('permit')
    held.apply({ workloads: [{ ...self, authorizationPolicies: [deny.key] }] })
    expect(judge(held.current(), facts)).toMatchObject({
      kind: 'denial',
      reason: { by: { policy: deny.key } },
    })
  })

  it('deny everything while one of them is missing, whichever way it came to be', () => {
    const named = { ...self, authorizationPolicies: ['shop/late'] }
    const held = view({ settings: settings(), trust: trusting('root'), workloads: [named] })
    expect(held.current().policies.missing).toEqual(['shop/late'])
    expect(judge(held.current(), facts)).toMatchObject({ kind: 'denial', reason: { kind: 'policy_missing' } })
    expect(missingPart(held.current())).toBe('a policy that holds on it')
    held.apply({ authorizations: [policy('late', 'deny')] })
    expect([held.current().policies.missing, missingPart(held.current())]).toEqual([[], undefined])
    held.apply({ removedAuthorizations: ['shop/late'] })
    expect(held.current().policies.missing).toEqual(['shop/late'])
  })
})

describe('what a pod waits for', () => {
  it('is told in order until there is nothing left', () => {
    const held = view()
    const waits: (string | undefined)[] = [missingPart(held.current())]
    for (const update of [
      { settings: settings() },
      { workloads: [{ ...self, authorizationPolicies: [deny.key] }] },
      { trust: trusting('root') },
      { authorizations: [deny] },
    ] satisfies Update[]) {
      held.apply(update)
      waits.push(missingPart(held.current()))
    }
    expect(waits).toEqual([
      'the mesh’s settings',
      'its own workload',
      'the trust bundle',
      'a policy that holds on it',
      undefined,
    ])
  })
})
