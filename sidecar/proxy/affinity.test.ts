import { describe, expect, it } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'
import { service, to, workload } from '#mesh/testing/mesh.ts'
import { Affinity } from './affinity.ts'

function endpoint(name: string, ip: string): Endpoint {
  return { address: to(ip, 8080) as EndpointAddress, workload: workload(name, [ip]), transport: 'hbone' }
}

const one = endpoint('one', '10.77.0.1')
const two = endpoint('two', '10.77.0.2')
const sticky = service(['10.77.100.1'], { affinity: { kind: 'client-ip', seconds: 10 } })
const at = to('10.77.100.1', 80)

describe('a service with affinity', () => {
  it('keeps its endpoint for as long as it says, counted from the last connection', () => {
    let now = 0
    const affinity = new Affinity(() => now)
    expect(affinity.last(sticky, at, [one, two])).toBeUndefined()
    affinity.keep(sticky, at, two)
    now = 9_999
    expect(affinity.last(sticky, at, [one, two])).toBe(two)
    affinity.keep(sticky, at, two)
    now = 19_998
    expect(affinity.last(sticky, at, [one, two])).toBe(two)
    now = 19_999
    expect(affinity.last(sticky, at, [one, two])).toBeUndefined()
  })

  it('does not keep an endpoint that is gone, nor that of another port', () => {
    const affinity = new Affinity(() => 0)
    affinity.keep(sticky, at, two)
    expect(affinity.last(sticky, at, [one])).toBeUndefined()
    expect(affinity.last(sticky, to('10.77.100.1', 81), [one, two])).toBeUndefined()
  })

  it('finds the same pod again at a new address of its', () => {
    const affinity = new Affinity(() => 0)
    affinity.keep(sticky, at, two)
    const moved = { ...two, address: to('fd77::2', 8080) as EndpointAddress }
    expect(affinity.last(sticky, at, [one, moved])).toBe(moved)
  })
})

it('a service without affinity, or no service at all, keeps nothing', () => {
  const affinity = new Affinity(() => 0)
  const loose = service(['10.77.100.1'])
  affinity.keep(loose, at, two)
  affinity.keep(undefined, at, two)
  expect(affinity.last(loose, at, [one, two])).toBeUndefined()
  expect(affinity.last(undefined, at, [one, two])).toBeUndefined()
})
