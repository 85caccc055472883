import { describe, expect, it } from 'vitest'
import { preferred } from './preference.ts'
import { workload } from './testing/mesh.ts'
import { anyEndpoint, type EndpointPreference } from './workload.ts'

function at(name: string, zone: string, node: string) {
  return { workload: workload(name, [], { node, locality: { region: '', zone, subzone: '' } }) }
}

const here = at('here', 'a', 'node-1')
const near = at('near', 'a', 'node-2')
const far = at('far', 'b', 'node-3')
const unknown = at('unknown', '', '')
const all = [here, near, far, unknown]
const client = at('client', 'a', 'node-1').workload
const stray = at('client', '', '').workload

function choose(preference: Partial<EndpointPreference>, from = client, candidates = all) {
  const chosen = preferred(candidates, { ...anyEndpoint, ...preference }, from)
  return chosen.map(({ workload: { name } }) => name)
}

describe('endpoints', () => {
  it('are all taken without a preference', () => {
    expect(choose({})).toEqual(['here', 'near', 'far', 'unknown'])
    expect(choose({ mode: 'failover' })).toEqual(['here', 'near', 'far', 'unknown'])
  })

  it('are those of the same zone, of the same node in it before the others', () => {
    expect(choose({ mode: 'failover', scopes: ['zone'] })).toEqual(['here', 'near'])
    expect(choose({ mode: 'failover', scopes: ['zone', 'node'] })).toEqual(['here'])
    expect(choose({ mode: 'failover', scopes: ['zone', 'node'] }, client, [near, far])).toEqual(['near'])
  })

  it('are all taken where none is near', () => {
    expect(choose({ mode: 'failover', scopes: ['zone'] }, client, [far, unknown])).toEqual(['far', 'unknown'])
  })

  it('are all taken by a client that nobody knows the place of', () => {
    expect(choose({ mode: 'failover', scopes: ['zone', 'node'] }, stray)).toHaveLength(4)
    expect(preferred(all, { ...anyEndpoint, mode: 'failover', scopes: ['zone'] }, undefined)).toHaveLength(4)
  })

  it('are those of the same node or none where it is strict', () => {
    expect(choose({ mode: 'strict', scopes: ['node'] })).toEqual(['here'])
    expect(choose({ mode: 'strict', scopes: ['node'] }, client, [near, far])).toEqual([])
    expect(choose({ mode: 'strict', scopes: ['node'] }, stray)).toEqual([])
    expect(preferred(all, { ...anyEndpoint, mode: 'strict', scopes: ['node'] }, undefined)).toEqual([])
  })

  it('serve the zones that they are meant for before the one they are in', () => {
    const zoneHints = new Map([
      [here.workload.uid, ['b']],
      [far.workload.uid, ['a', 'b']],
    ])
    expect(choose({ mode: 'failover', scopes: ['zone'], zoneHints })).toEqual(['near', 'far'])
  })
})
