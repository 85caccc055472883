import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatSpiffeId,
  isDnsLabel,
  isDnsSubdomain,
  parseSpiffeId,
  principalOf,
  sameIdentity,
  spiffeId,
} from './spiffe-id.ts'

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
const subdomain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'))
const domain = fc.stringMatching(/^[a-z0-9._-]{1,60}$/)
const identity = fc.tuple(domain, label, subdomain).map(([domain, namespace, account]) => {
  return spiffeId(domain, namespace, account)!
})

describe('parseSpiffeId', () => {
  it('takes an identity of the mesh apart', () => {
    expect(parseSpiffeId('spiffe://cluster.local/ns/shop/sa/front.end')).toEqual({
      trustDomain: 'cluster.local',
      namespace: 'shop',
      serviceAccount: 'front.end',
    })
  })

  it.each([
    '',
    'cluster.local/ns/shop/sa/web',
    'https://cluster.local/ns/shop/sa/web',
    'SPIFFE://cluster.local/ns/shop/sa/web',
    'spiffe://Cluster.local/ns/shop/sa/web',
    'spiffe:///ns/shop/sa/web',
    'spiffe://cluster.local:443/ns/shop/sa/web',
    'spiffe://user@cluster.local/ns/shop/sa/web',
    'spiffe://cluster.local',
    'spiffe://cluster.local/',
    'spiffe://cluster.local/ns/shop',
    'spiffe://cluster.local/ns/shop/sa/',
    'spiffe://cluster.local/ns//sa/web',
    'spiffe://cluster.local/sa/web/ns/shop',
    'spiffe://cluster.local/ns/shop/sa/web/',
    'spiffe://cluster.local/ns/shop/sa/web/more',
    'spiffe://cluster.local/ns/shop/sa/web?x=1',
    'spiffe://cluster.local/ns/shop/sa/web#x',
    'spiffe://cluster.local/ns/shop/sa/we%62',
    'spiffe://cluster.local/ns/shop/sa/web\u0000',
    'spiffe://cluster.local/ns/shop/sa/web\n',
    'spiffe://cluster.local/ns/shop/sa/Web',
    'spiffe://cluster.local/ns/shop/sa/wéb',
    'spiffe://cluster.local/ns/shop/sa/..',
    'spiffe://cluster.local/ns/shop/sa/a..b',
    'spiffe://cluster.local/ns/shop/sa/a.-b',
    'spiffe://cluster.local/ns/shop/sa/-web',
    'spiffe://cluster.local/ns/shop/sa/web-',
    'spiffe://cluster.local/ns/shop.eu/sa/web',
    'spiffe://cluster.local/ns/../sa/web',
    `spiffe://cluster.local/ns/${'a'.repeat(64)}/sa/web`,
    `spiffe://cluster.local/ns/shop/sa/${'a'.repeat(254)}`,
    `spiffe://${'a'.repeat(256)}/ns/shop/sa/web`,
  ])('refuses %j', (uri) => {
    expect(parseSpiffeId(uri)).toBeUndefined()
  })

  it('takes names of the greatest length', () => {
    const uri = `spiffe://${'d'.repeat(255)}/ns/${'n'.repeat(63)}/sa/${'s'.repeat(253)}`
    expect(formatSpiffeId(parseSpiffeId(uri)!)).toBe(uri)
  })

  it('never throws, and gives back exactly what it took', () => {
    const part = fc.oneof(fc.string(), label, fc.constantFrom('ns', 'sa', '..', 'a.b'))
    const nearly = fc.array(part, { maxLength: 6 }).map((parts) => `spiffe://${parts.join('/')}`)
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), nearly), (uri) => {
        const id = parseSpiffeId(uri)
        if (id !== undefined) expect(formatSpiffeId(id)).toBe(uri)
      }),
      { numRuns: 1000 },
    )
  })

  it('is quick about hostile names', () => {
    const before = performance.now()
    for (const filler of ['a', 'a.', '-', 'a-', '/ns/a/sa/a']) {
      parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/${filler.repeat(100_000)}!`)
    }
    expect(performance.now() - before).toBeLessThan(500)
  })
})

describe('an identity', () => {
  it('comes back from its text', () => {
    fc.assert(
      fc.property(identity, (id) => {
        expect(parseSpiffeId(formatSpiffeId(id))).toEqual(id)
        expect(formatSpiffeId(id)).toBe(`spiffe://${principalOf(id)}`)
        expect(new URL(formatSpiffeId(id)).host).toBe(id.trustDomain)
      }),
    )
  })

  it('is the same as another exactly when they are written the same', () => {
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        expect(sameIdentity(a, b)).toBe(formatSpiffeId(a) === formatSpiffeId(b))
        expect(sameIdentity(a, parseSpiffeId(formatSpiffeId(a))!)).toBe(true)
      }),
    )
  })

  it('is told from one that differs in a single part', () => {
    const web = spiffeId('cluster.local', 'shop', 'web')!
    expect(sameIdentity(web, spiffeId('cluster.local', 'shop', 'cart')!)).toBe(false)
    expect(sameIdentity(web, spiffeId('cluster.local', 'pay', 'web')!)).toBe(false)
    expect(sameIdentity(web, spiffeId('other.local', 'shop', 'web')!)).toBe(false)
  })

  it('cannot be changed', () => {
    const web: { namespace: string } = spiffeId('cluster.local', 'shop', 'web')!
    expect(() => {
      web.namespace = 'kube-system'
    }).toThrow(TypeError)
  })
})

describe('names', () => {
  it.each<[string, boolean, boolean]>([
    ['a', true, true],
    ['0', true, true],
    ['a-b', true, true],
    ['a.b', false, true],
    ['a.b.c-d', false, true],
    ['', false, false],
    ['-a', false, false],
    ['a-', false, false],
    ['a..b', false, false],
    ['.a', false, false],
    ['a.', false, false],
    ['a_b', false, false],
    ['A', false, false],
    ['a\n', false, false],
    ['a'.repeat(63), true, true],
    ['a'.repeat(64), false, true],
    ['a'.repeat(254), false, false],
  ])('%j: label %s, subdomain %s', (text, asLabel, asSubdomain) => {
    expect(isDnsLabel(text)).toBe(asLabel)
    expect(isDnsSubdomain(text)).toBe(asSubdomain)
  })
})
