import { describe } from 'vitest'
import { allowRules, policies } from './testing/decision-table.ts'

describe('no policy', () => {
  policies('', [
    'frontend   | 8080 | permit',
    'plaintext  | 8080 | permit',
    'outside    | 8080 | permit',
    'stranger   | 8080 | permit',
  ])
})

describe('Allow', () => {
  describe('a principal', () => {
    allowRules('{ from: [{ principals: [cluster.local/ns/shop/sa/frontend] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'frontend   |    1 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
      'namesake   | 8080 | deny, none of shop/policy',
      'stranger   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('a principal with its scheme', () => {
    allowRules("{ from: [{ principals: ['spiffe://cluster.local/ns/shop/sa/frontend'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
    ])
  })

  describe('a principal whose dots are dots', () => {
    allowRules('{ from: [{ principals: [cluster.local/ns/shop/sa/front.end] }] }', [
      'front.end  | 8080 | permit by shop/policy 0',
      'frontxend  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('principals by prefix', () => {
    allowRules("{ from: [{ principals: ['cluster.local/ns/shop/sa/front*'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'front.end  | 8080 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
      'namesake   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('principals by prefix, which is not in the middle', () => {
    allowRules("{ from: [{ principals: ['cluster.local/*'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'impostor   | 8080 | deny, none of shop/policy',
      'stranger   | 8080 | deny, none of shop/policy',
    ])
  })

  describe('namespaces by prefix and suffix, which are not in the middle', () => {
    allowRules("{ from: [{ namespaces: ['op*', '*ay-'] }] }", [
      'frontend   | 8080 | deny, none of shop/policy',
      'namesake   | 8080 | deny, none of shop/policy',
    ])
  })

  describe('principals by suffix', () => {
    allowRules("{ from: [{ principals: ['*/sa/frontend'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'namesake   | 8080 | permit by shop/policy 0',
      'stranger   | 8080 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('principals by presence', () => {
    allowRules("{ from: [{ principals: ['*'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'stranger   | 8080 | permit by shop/policy 0',
      'plaintext  | 8080 | deny, none of shop/policy',
      'outside    | 8080 | deny, none of shop/policy',
    ])
  })

  describe('namespaces', () => {
    allowRules('{ from: [{ namespaces: [shop, pay-*] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'stranger   | 8080 | permit by shop/policy 0',
      'namesake   | 8080 | permit by shop/policy 0',
      'monitor    | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('service accounts', () => {
    allowRules('{ from: [{ serviceAccounts: [frontend, pay-eu/cart] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'stranger   | 8080 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
      'namesake   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('address ranges, of the TCP peer', () => {
    allowRules("{ from: [{ ipBlocks: [10.77.0.0/28, 192.0.2.9, '2001:db8::/32'] }] }", [
      'frontend   | 8080 | permit by shop/policy 0',
      'plaintext  | 8080 | permit by shop/policy 0',
      'outside    | 8080 | permit by shop/policy 0',
      'outside-v6 | 8080 | permit by shop/policy 0',
      'monitor    | 8080 | deny, none of shop/policy',
      'neighbour  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('every IPv4 address, which is no IPv6 address', () => {
    allowRules('{ from: [{ ipBlocks: [0.0.0.0/0] }] }', [
      'outside    | 8080 | permit by shop/policy 0',
      'outside-v6 | 8080 | deny, none of shop/policy',
    ])
  })

  describe('a port', () => {
    allowRules('{ to: [{ ports: [8080] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'plaintext  | 8080 | permit by shop/policy 0',
      'frontend   | 8081 | deny, none of shop/policy',
      'plaintext  |  808 | deny, none of shop/policy',
    ])
  })

  describe('all ports but one', () => {
    allowRules('{ to: [{ notPorts: [8080] }] }', [
      'frontend   | 8081 | permit by shop/policy 0',
      'plaintext  |   22 | permit by shop/policy 0',
      'frontend   | 8080 | deny, none of shop/policy',
    ])
  })

  describe('all principals but one: an identity is needed to be among them', () => {
    allowRules('{ from: [{ notPrincipals: [cluster.local/ns/shop/sa/cart] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'namesake   | 8080 | permit by shop/policy 0',
      'cart       | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
      'outside    | 8080 | deny, none of shop/policy',
    ])
  })

  describe('all namespaces but one', () => {
    allowRules('{ from: [{ notNamespaces: [shop] }] }', [
      'namesake   | 8080 | permit by shop/policy 0',
      'frontend   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('all service accounts but one', () => {
    allowRules('{ from: [{ notServiceAccounts: [frontend] }] }', [
      'cart       | 8080 | permit by shop/policy 0',
      'namesake   | 8080 | permit by shop/policy 0',
      'frontend   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('nobody, however the absence of an identity is spelled', () => {
    allowRules("{ from: [{ notPrincipals: ['*'] }] }", [
      'frontend   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('all addresses but a range, which says nothing about identity', () => {
    allowRules('{ from: [{ notIpBlocks: [10.77.0.0/16] }] }', [
      'outside    | 8080 | permit by shop/policy 0',
      'outside-v6 | 8080 | permit by shop/policy 0',
      'frontend   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })

  describe('fields of one source together', () => {
    allowRules(
      '{ from: [{ namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/cart], ipBlocks: [10.77.0.11] }] }',
      [
        'frontend   | 8080 | permit by shop/policy 0',
        'stranger   | 8080 | deny, none of shop/policy',
        'cart       | 8080 | deny, none of shop/policy',
        'namesake   | 8080 | deny, none of shop/policy',
        'plaintext  | 8080 | deny, none of shop/policy',
      ],
    )
  })

  describe('two sources, one of which is enough', () => {
    allowRules('{ from: [{ namespaces: [pay-eu] }, { ipBlocks: [192.0.2.0/24] }] }', [
      'namesake   | 8080 | permit by shop/policy 0',
      'outside    | 8080 | permit by shop/policy 0',
      'frontend   | 8080 | deny, none of shop/policy',
    ])
  })

  describe('from and to together', () => {
    allowRules(
      '{ from: [{ namespaces: [shop] }], to: [{ ports: [8080, 8443] }, { ports: [9090], notPorts: [9090] }] }',
      [
        'frontend   | 8080 | permit by shop/policy 0',
        'frontend   | 8443 | permit by shop/policy 0',
        'frontend   | 9090 | deny, none of shop/policy',
        'namesake   | 8080 | deny, none of shop/policy',
        'plaintext  | 8080 | deny, none of shop/policy',
      ],
    )
  })

  describe('two rules, one of which is enough', () => {
    allowRules('{ from: [{ serviceAccounts: [frontend] }] }, { to: [{ ports: [9090] }] }', [
      'frontend   | 8080 | permit by shop/policy 0',
      'frontend   | 9090 | permit by shop/policy 0',
      'cart       | 9090 | permit by shop/policy 1',
      'plaintext  | 9090 | permit by shop/policy 1',
      'cart       | 8080 | deny, none of shop/policy',
    ])
  })

  describe('a rule that demands nothing', () => {
    allowRules('{}', [
      'frontend   | 8080 | permit by shop/policy 0',
      'plaintext  | 8080 | permit by shop/policy 0',
      'outside-v6 | 8080 | permit by shop/policy 0',
    ])
  })

  describe('no rules', () => {
    policies('{ kind: AuthorizationPolicy, name: policy, namespace: shop, rules: [] }', [
      'frontend   | 8080 | deny, none of shop/policy',
      'plaintext  | 8080 | deny, none of shop/policy',
    ])
  })
})

describe('several Allow policies', () => {
  policies(
    `
    { kind: AuthorizationPolicy, name: b, namespace: shop, rules: [{ from: [{ serviceAccounts: [cart] }] }] },
    { kind: AuthorizationPolicy, name: a, namespace: shop, rules: [{ from: [{ serviceAccounts: [frontend] }] }] },
    { kind: AuthorizationPolicy, name: c, namespace: shop }`,
    [
      'frontend   | 8080 | permit by shop/a 0',
      'cart       | 8080 | permit by shop/b 0',
      'namesake   | 8080 | deny, none of shop/a shop/b shop/c',
    ],
  )
})
