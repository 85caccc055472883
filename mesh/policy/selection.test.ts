import { describe } from 'vitest'
import { policies } from './testing/decision-table.ts'

describe('where a policy holds', () => {
  describe('the whole mesh, from the root namespace', () => {
    policies(
      '{ kind: AuthorizationPolicy, name: a, namespace: weft-system, action: Deny, rules: [{ to: [{ ports: [22] }] }] }',
      ['frontend   |   22 | deny by weft-system/a 0', 'frontend   | 8080 | permit'],
    )
  })

  describe('selected workloads of the mesh, from the root namespace', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: weft-system, selector: { app: backend }, action: Deny, rules: [{ to: [{ ports: [22] }] }] },
      { kind: AuthorizationPolicy, name: b, namespace: weft-system, selector: { app: cart }, action: Deny, rules: [{}] }`,
      ['frontend   |   22 | deny by weft-system/a 0', 'frontend   | 8080 | permit'],
    )
  })

  describe('not in another namespace, nor on other workloads', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: pay-eu },
      { kind: AuthorizationPolicy, name: b, namespace: shop, selector: { app: cart } },
      { kind: AuthorizationPolicy, name: c, namespace: shop, selector: { app: backend, version: v2 } }`,
      ['frontend   | 8080 | permit'],
    )
  })
})
