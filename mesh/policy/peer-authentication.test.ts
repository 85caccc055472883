import { describe } from 'vitest'
import { policies } from './testing/decision-table.ts'

describe('PeerAuthentication', () => {
  describe('strict', () => {
    policies('{ kind: PeerAuthentication, name: default, namespace: shop, mode: Strict }', [
      'frontend   | 8080 | permit',
      'stranger   | 8080 | permit',
      'plaintext  | 8080 | deny by shop/peer_authentication_default 0',
      'outside    | 8080 | deny by shop/peer_authentication_default 0',
    ])
  })

  describe('permissive', () => {
    policies('{ kind: PeerAuthentication, name: default, namespace: shop, mode: Permissive }', [
      'frontend   | 8080 | permit',
      'plaintext  | 8080 | permit',
    ])
  })

  describe('strict but for one port', () => {
    policies(
      '{ kind: PeerAuthentication, name: default, namespace: shop, mode: Strict, ports: { 8080: Permissive } }',
      [
        'plaintext  | 8080 | permit',
        'plaintext  | 8081 | deny by shop/peer_authentication_default 0',
        'frontend   | 8081 | permit',
      ],
    )
  })

  describe('permissive but for one port', () => {
    policies(
      '{ kind: PeerAuthentication, name: default, namespace: shop, mode: Permissive, ports: { 8080: Strict, 9090: Permissive } }',
      [
        'plaintext  | 8080 | deny by shop/peer_authentication_default 0',
        'plaintext  | 9090 | permit',
        'plaintext  | 8081 | permit',
        'frontend   | 8080 | permit',
      ],
    )
  })

  describe('strict for the mesh, permissive for the namespace', () => {
    policies(
      `
      { kind: PeerAuthentication, name: mesh, namespace: weft-system, mode: Strict },
      { kind: PeerAuthentication, name: shop, namespace: shop, mode: Permissive }`,
      ['plaintext  | 8080 | permit'],
    )
  })

  describe('permissive for the namespace, strict for the workload', () => {
    policies(
      `
      { kind: PeerAuthentication, name: a, namespace: shop, mode: Permissive },
      { kind: PeerAuthentication, name: b, namespace: shop, mode: Strict, selector: { app: backend } }`,
      ['plaintext  | 8080 | deny by shop/peer_authentication_b 0', 'frontend   | 8080 | permit'],
    )
  })

  describe('a port that is permissive at the mesh is not so at the namespace', () => {
    policies(
      `
      { kind: PeerAuthentication, name: mesh, namespace: weft-system, mode: Strict, ports: { 8080: Permissive } },
      { kind: PeerAuthentication, name: shop, namespace: shop, mode: Strict }`,
      ['plaintext  | 8080 | deny by shop/peer_authentication_shop 0'],
    )
  })

  describe('strict, with an Allow for plaintext from a range: being let in takes both', () => {
    policies(
      `
      { kind: PeerAuthentication, name: default, namespace: shop, mode: Strict },
      { kind: AuthorizationPolicy, name: a, namespace: shop, rules: [{ from: [{ ipBlocks: [10.77.0.0/16] }] }] }`,
      [
        'frontend   | 8080 | permit by shop/a 0',
        'plaintext  | 8080 | deny by shop/peer_authentication_default 0',
      ],
    )
  })
})
