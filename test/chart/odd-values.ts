import fc from 'fast-check'

// Parts of values, good and bad, so that what comes together is often nearly right.
const host = fc.constantFrom('0', '0', '1', '64', '128', '255', '256', '01')
const v4 = fc.tuple(host, host, host, host).map((parts) => parts.join('.'))
const group = fc.constantFrom('0', '1', '8', 'f', '10', 'db8', 'F00', '8000', 'ffff', '00', '0db8', 'g')
const v6 = fc
  .tuple(fc.array(group, { maxLength: 8 }), fc.constantFrom('', '::', '::1', ':'))
  .map(([groups, end]) => groups.join(':') + end)
const length = fc.oneof(
  fc.constant(''),
  fc.nat({ max: 130 }).map((bits) => `/${bits}`),
)
const range = fc.tuple(fc.oneof(v4, v6), length).map((parts) => parts.join(''))

const label = fc.constantFrom(
  'shop',
  'a',
  '0',
  'a-b',
  'A',
  '-a',
  'a-',
  'a.b',
  '',
  'a'.repeat(63),
  'a'.repeat(64),
)
const name = fc.oneof(label, fc.constantFrom('w.b', 'w..b', '.w', 'w.', 'a'.repeat(253), 'a'.repeat(254)))
const star = fc.constantFrom('', '', '', '*')
const namespace = fc.tuple(star, label, star).map((parts) => parts.join(''))
const account = fc
  .tuple(fc.constantFrom('', 'shop/', 'A/', '/', 'a.b/', 'x/y/'), name, star)
  .map((parts) => parts.join(''))
const principal = fc
  .tuple(
    star,
    fc.constantFrom('', 'spiffe://', 'https://'),
    fc.constantFrom('cluster.local', 'a_b', 'A', ''),
    label,
    name,
    star,
  )
  .map(([before, scheme, domain, ns, sa, after]) => `${before}${scheme}${domain}/ns/${ns}/sa/${sa}${after}`)

/** A source with one value that may or may not be one. */
export const oddSource: fc.Arbitrary<Readonly<Record<string, readonly string[]>>> = fc.oneof(
  range.map((value) => ({ ipBlocks: [value] })),
  range.map((value) => ({ notIpBlocks: [value] })),
  namespace.map((value) => ({ namespaces: [value] })),
  account.map((value) => ({ serviceAccounts: [value] })),
  principal.map((value) => ({ principals: [value] })),
)
