import { expect, test, vi } from 'vitest'
import { identity } from '#mesh/testing/mesh.ts'
import { trusting } from '../testing/pictures.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import type { Peer } from './peer.ts'
import { type RootsInUse, reportRootsInUse, rootsInUse } from './roots-in-use.ts'

const peer = (...roots: readonly string[]): Peer => ({
  identity: identity('web'),
  serial: '1',
  roots,
  notAfter: 0,
})

test('the roots in use are named once each, as everybody writes them', () => {
  expect(rootsInUse('AB:0C', [peer('AB:0C'), peer('0D:EE', 'AB:0C'), peer('0D:EE')])).toEqual({
    certificate: 'ab0c',
    tunnels: ['0dee', 'ab0c'],
  })
})

test('nothing is told while there is one root, and the newest as soon as there are two', async () => {
  const told: RootsInUse[] = []
  let bundle: TrustBundle | undefined
  let peers: Peer[] = [peer('A')]
  const end = new AbortController()
  const options = {
    trust: () => bundle,
    own: () => 'A',
    peers: () => peers,
    report: (each: RootsInUse) => void told.push(each),
  }
  const reporting = reportRootsInUse(options, end.signal)
  bundle = trusting('A')
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(told).toEqual([])
  bundle = trusting('A', 'B')
  await vi.waitFor(() => expect(told.at(-1)).toEqual({ certificate: 'a', tunnels: ['a'] }), {
    timeout: 3_000,
  })
  peers = [peer('B')]
  await vi.waitFor(() => expect(told.at(-1)).toEqual({ certificate: 'a', tunnels: ['b'] }), {
    timeout: 3_000,
  })
  end.abort()
  await reporting
})
