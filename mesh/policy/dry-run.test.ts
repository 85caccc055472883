import { describe } from 'vitest'
import { policies } from './testing/decision-table.ts'

describe('dry run', () => {
  describe('a Deny that matches', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, action: Deny, dryRun: true,
        rules: [{ to: [{ ports: [9090] }] }, { from: [{ namespaces: [shop] }] }] }`,
      [
        'frontend   | 8080 | permit; would deny by shop/a 1',
        'frontend   | 9090 | permit; would deny by shop/a 0',
        'namesake   | 8080 | permit',
      ],
    )
  })

  describe('an Allow where none is enforced closes the workload to the rest', () => {
    policies(
      '{ kind: AuthorizationPolicy, name: a, namespace: shop, dryRun: true, rules: [{ from: [{ namespaces: [shop] }] }] }',
      ['frontend   | 8080 | permit', 'namesake   | 8080 | permit; would deny, none of shop/a'],
    )
  })

  describe('two Allows where none is enforced: one that matches is enough', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, dryRun: true, rules: [{ from: [{ namespaces: [shop] }] }] },
      { kind: AuthorizationPolicy, name: b, namespace: shop, dryRun: true, rules: [{ to: [{ ports: [9090] }] }] }`,
      [
        'frontend   | 8080 | permit',
        'namesake   | 9090 | permit',
        'namesake   | 8080 | permit; would deny, none of shop/a shop/b',
      ],
    )
  })

  describe('an Allow beside an enforced one takes nothing away, and gives nothing', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, dryRun: true, rules: [{ from: [{ namespaces: [pay-eu] }] }] },
      { kind: AuthorizationPolicy, name: b, namespace: shop, rules: [{ from: [{ namespaces: [shop] }] }] }`,
      ['frontend   | 8080 | permit by shop/b 0', 'namesake   | 8080 | deny, none of shop/b'],
    )
  })

  describe('every dry-run policy that would deny is told', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, dryRun: true },
      { kind: AuthorizationPolicy, name: b, namespace: shop, action: Deny, dryRun: true, rules: [{}] },
      { kind: AuthorizationPolicy, name: c, namespace: shop, action: Deny, dryRun: true, rules: [{ to: [{ ports: [8080] }] }] }`,
      [
        'frontend   | 8080 | permit; would deny by shop/b 0; would deny by shop/c 0; would deny, none of shop/a',
      ],
    )
  })

  describe('what is denied anyway is not told twice', () => {
    policies(
      `
      { kind: AuthorizationPolicy, name: a, namespace: shop, action: Deny, dryRun: true, rules: [{}] },
      { kind: AuthorizationPolicy, name: b, namespace: shop, action: Deny, rules: [{}] }`,
      ['frontend   | 8080 | deny by shop/b 0'],
    )
  })
})
