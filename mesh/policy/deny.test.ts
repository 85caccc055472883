import { describe } from 'vitest'
import { denyRules, policies } from './testing/decision-table.ts'

describe('Deny', () => {
  describe('a principal', () => {
    denyRules('{ from: [{ principals: [cluster.local/ns/shop/sa/frontend] }] }', [
      'frontend   | 8080 | deny by shop/policy 0',
      'cart       | 8080 | permit',
      'plaintext  | 8080 | permit',
    ])
  })

  describe('all principals but one: whoever has no identity is not that one', () => {
    denyRules('{ from: [{ notPrincipals: [cluster.local/ns/shop/sa/frontend] }] }', [
      'frontend   | 8080 | permit',
      'cart       | 8080 | deny by shop/policy 0',
      'stranger   | 8080 | deny by shop/policy 0',
      'plaintext  | 8080 | deny by shop/policy 0',
    ])
  })

  describe('everybody without an identity', () => {
    denyRules("{ from: [{ notPrincipals: ['*'] }] }", [
      'frontend   | 8080 | permit',
      'stranger   | 8080 | permit',
      'plaintext  | 8080 | deny by shop/policy 0',
    ])
  })

  describe('all namespaces but one', () => {
    denyRules('{ from: [{ notNamespaces: [shop] }] }', [
      'frontend   | 8080 | permit',
      'namesake   | 8080 | deny by shop/policy 0',
      'plaintext  | 8080 | deny by shop/policy 0',
    ])
  })

  describe('all service accounts but one', () => {
    denyRules('{ from: [{ notServiceAccounts: [shop/frontend] }] }', [
      'frontend   | 8080 | permit',
      'stranger   | 8080 | permit',
      'cart       | 8080 | deny by shop/policy 0',
      'plaintext  | 8080 | deny by shop/policy 0',
    ])
  })

  describe('a port, for everybody but a range', () => {
    denyRules('{ from: [{ notIpBlocks: [10.77.0.8/29] }], to: [{ ports: [22] }] }', [
      'frontend   |   22 | permit',
      'plaintext  |   22 | permit',
      'outside    |   22 | deny by shop/policy 0',
      'outside-v6 |   22 | deny by shop/policy 0',
      'outside    | 8080 | permit',
    ])
  })

  describe('everybody', () => {
    denyRules('{}', [
      'frontend   | 8080 | deny by shop/policy 0',
      'plaintext  | 8080 | deny by shop/policy 0',
    ])
  })

  describe('ahead of an Allow that matches too', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, rules: [{ from: [{ namespaces: [shop] }] }] },
      { kind: AuthorizationPolicy, name: z, namespace: shop, action: Deny, rules: [{ to: [{ ports: [22] }] }] }`,
      [
        'frontend   | 8080 | permit by shop/a 0',
        'frontend   |   22 | deny by shop/z 0',
        'namesake   |   22 | deny by shop/z 0',
        'namesake   | 8080 | deny, none of shop/a',
      ],
    )
  })
})
