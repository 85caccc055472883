import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nearestName } from './nearest-name.ts'

const known = ['principals', 'notPrincipals', 'namespaces', 'ports', 'notPorts']

it.each([
  ['principal', 'principals'],
  ['Principals', 'principals'],
  ['notprincpals', 'notPrincipals'],
  ['namespace', 'namespaces'],
  ['port', 'ports'],
  ['not_ports', 'notPorts'],
  ['hosts', undefined],
  ['', undefined],
  ['x'.repeat(1000), undefined],
])('%j means %j', (written, meant) => {
  expect(nearestName(written, known)).toBe(meant)
})

it('finds a name that has one letter too many', () => {
  fc.assert(
    fc.property(fc.constantFrom(...known), fc.nat(13), fc.constantFrom('x', 'q'), (name, at, letter) => {
      expect(nearestName(name.slice(0, at) + letter + name.slice(at), known)).toBe(name)
    }),
  )
})
