/** A policy as it would be written for a cluster, and who should take it. */
export interface PolicyCase {
  readonly name: string
  readonly kind: 'PeerAuthentication' | 'AuthorizationPolicy'
  readonly spec: unknown
  /** What the API server says where it refuses it; undefined where it takes it. */
  readonly refusal?: string
  /**
   * Where the two do not agree, which they never do the other way about, so that nothing is taken in that is not in
   * force: `bound` is a size or a spelling that only the API server limits, `normalised` what it mends by itself.
   */
  readonly apart?: 'bound' | 'normalised'
}

const l7 = 'a layer 4 mesh carries the bytes of a connection and never reads requests'
const starOnce = '* may stand once'
const starWhere = '* stands alone, at the beginning or at the end'
const writeIdentity = 'write <trust domain>/ns/<namespace>/sa/<service account>'
const writeAccount = "write shop/frontend, or frontend for the policy's own namespace"
const writeNamespace = 'no namespace has such a name'
const writeRange = 'write an address range, e.g. 10.0.0.0/8'
const writeV6Range = 'write an IPv6 range with :: behind its prefix'
const hostBits = 'the address has bits set after its prefix'
const notMatching = 'should match'
const tooMany = 'must have at most'

export const policyCases: readonly PolicyCase[] = [
  ...peer('modes', { mode: 'Strict' }, { mode: 'Permissive' }),
  ...peer(
    'selectors',
    { mode: 'Strict', selector: { matchLabels: { app: 'a', 'example.com/tier': '', 'a.b/C_d': 'X.y-Z_9' } } },
    {
      mode: 'Strict',
      selector: { matchLabels: { [`${'a'.repeat(253)}/${'b'.repeat(63)}`]: 'c'.repeat(63) } },
    },
  ),
  ...peer(
    'ports',
    { mode: 'Strict', ports: { 1: 'Permissive', 65535: 'Strict' } },
    { mode: 'Strict', ports: {} },
  ),
  refusedPeer('no mode', {}, 'spec.mode: Required value'),
  refusedPeer('a mode in capitals', { mode: 'STRICT' }, 'Unsupported value: "STRICT"'),
  refusedPeer('mode Disable', { mode: 'Disable' }, 'Unsupported value: "Disable"'),
  refusedPeer(
    'an empty selector',
    { mode: 'Strict', selector: { matchLabels: {} } },
    'at least 1 properties',
  ),
  refusedPeer('a selector of nothing', { mode: 'Strict', selector: {} }, 'matchLabels: Required value'),
  refusedPeer(
    'expressions',
    {
      mode: 'Strict',
      selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
    },
    'matchExpressions cannot be used',
  ),
  refusedPeer(
    'a label key',
    { mode: 'Strict', selector: { matchLabels: { 'a b': 'c' } } },
    'a key is no label',
  ),
  refusedPeer('a label with two slashes', strictFor({ 'a/b/c': 'd' }), 'a key is no label'),
  refusedPeer('a label prefix in capitals', strictFor({ 'A.b/c': 'd' }), 'a key is no label'),
  refusedPeer('a label name of 64', strictFor({ ['a'.repeat(64)]: 'd' }), 'a key is no label'),
  refusedPeer('a label value', strictFor({ a: 'b c' }), 'no label has such a value'),
  refusedPeer('a label value that ends badly', strictFor({ a: 'b-' }), 'no label has such a value'),
  refusedPeer('a label value of 64', strictFor({ a: 'b'.repeat(64) }), 'may not be more than 63'),
  refusedPeer('a label that is a number', strictFor({ a: 1 }), 'must be of type string'),
  refusedPeer('port 0', { mode: 'Strict', ports: { 0: 'Strict' } }, 'a key is no port'),
  refusedPeer('port 65536', { mode: 'Strict', ports: { 65536: 'Strict' } }, 'a key is no port'),
  refusedPeer('port 080', { mode: 'Strict', ports: { '080': 'Strict' } }, 'a key is no port'),
  refusedPeer('a named port', { mode: 'Strict', ports: { http: 'Strict' } }, 'a key is no port'),
  refusedPeer(
    'a port with a wrong mode',
    { mode: 'Strict', ports: { 80: 'Strikt' } },
    'Unsupported value: "Strikt"',
  ),
  refusedPeer('ports as a list', { mode: 'Strict', ports: [80] }, 'must be of type object'),
  refusedPeer('mtls', { mode: 'Strict', mtls: { mode: 'STRICT' } }, 'mtls is written mode: Strict'),
  refusedPeer(
    'portLevelMtls',
    { mode: 'Strict', portLevelMtls: { 80: {} } },
    'portLevelMtls is written ports:',
  ),
  { ...refusedPeer('65 ports', { mode: 'Strict', ports: manyPorts(65) }, tooMany), apart: 'bound' },

  ...policies('nothing at all', {}),
  ...policies(
    'actions',
    { action: 'Allow' },
    { action: 'Deny', rules: [{}] },
    { rules: [] },
    { dryRun: true },
  ),
  ...policies(
    'rules',
    { rules: [{}] },
    { rules: [{ from: [{ namespaces: ['a'] }], to: [{ ports: [80] }] }] },
  ),
  ...from(
    'principals',
    'cluster.local/ns/shop/sa/frontend spiffe://cluster.local/ns/shop/sa/frontend * spiffe://* cluster.local/* ' +
      'spiffe://cluster.local/ns/* */sa/web a_b.c/ns/0/sa/a.b-c.d clus*',
  ),
  ...from('notPrincipals', '* cluster.local/ns/shop/sa/frontend'),
  ...from('namespaces', `shop * shop-* *-eu ${'a'.repeat(63)} ${'a'.repeat(63)}*`),
  ...from('notNamespaces', 'shop 0'),
  ...from('serviceAccounts', `web shop/web shop/a.b-c.d ${'a'.repeat(63)}/${'b'.repeat(253)}`),
  ...from('notServiceAccounts', 'web'),
  ...from(
    'ipBlocks',
    '10.0.0.0/8 10.1.2.3 0.0.0.0/0 10.1.2.3/32 192.168.128.0/17 255.255.255.254/31 2001:db8::/32 ::/0 ::1 ' +
      '2001:DB8::1/128 1:2:3:4:5:6:7:8 fc00::/7 2001:db8:8000::/33 2001:db8:10::/44 8000::/1 F800::/5 2001:DB8:C::/46 1::8 fe80:: 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 ' +
      '1::3:4:5:6:7:8 1:2:3:4:5:6:1.2.3.4 64:ff9b::192.0.2.1',
  ),
  ...from('notIpBlocks', '10.0.0.0/8'),
  ...policies('ports', { rules: [{ to: [{ ports: [1, 65535] }, { notPorts: [22] }] }] }),

  refused('action ALLOW', { action: 'ALLOW' }, 'Unsupported value: "ALLOW"'),
  refused('action Audit', { action: 'Audit' }, 'Unsupported value: "Audit"'),
  refused('a Deny without rules', { action: 'Deny' }, 'a Deny without rules never denies'),
  refused('a Deny with no rule', { action: 'Deny', rules: [] }, 'a Deny without rules never denies'),
  refused('dryRun as text', { dryRun: 'yes' }, 'must be of type boolean'),
  refused('targetRef', { targetRef: { kind: 'Service', name: 'a' } }, 'targetRefs cannot be used'),
  refused('targetRefs', { targetRefs: [{ kind: 'Service', name: 'a' }] }, 'targetRefs cannot be used'),
  refused('a provider', { provider: { name: 'a' } }, 'provider cannot be used'),
  refused(
    'a rule with when',
    { rules: [{ when: [{ key: 'a', values: ['b'] }] }] },
    `when cannot be enforced: ${l7}`,
  ),
  refused('an empty from', { rules: [{ from: [] }] }, 'should have at least 1 items'),
  refused('an empty to', { rules: [{ to: [] }] }, 'should have at least 1 items'),
  refused('an empty source', { rules: [{ from: [{}] }] }, 'a source that says nothing'),
  refused('an empty operation', { rules: [{ to: [{}] }] }, 'an operation that says nothing'),
  refused('an empty list of principals', source({ principals: [] }), 'should have at least 1 items'),
  refused('an empty list of ports', { rules: [{ to: [{ ports: [] }] }] }, 'should have at least 1 items'),
  refused('principals that are text', source({ principals: '*' }), 'must be of type array'),
  ...refusedFrom('principals', '', 'should be at least 1 chars long'),
  ...refusedFrom('principals', 'frontend', writeIdentity),
  ...refusedFrom('principals', 'cluster.local/ns/shop/sa/', notMatching),
  ...refusedFrom('principals', 'cluster.local/ns/Shop/sa/a', notMatching),
  ...refusedFrom('principals', 'cluster.local/ns/shop/*/a', starWhere),
  ...refusedFrom('principals', '*a*', starOnce),
  ...refusedFrom('principals', '**', starOnce),
  ...refusedFrom('principals', 'cluster.local/ns/.*/sa/.*', starOnce),
  ...refusedFrom('principals', 'https://cluster.local/*', notMatching),
  ...refusedFrom('principals', '*spiffe://a/b', notMatching),
  ...refusedFrom('principals', 'a\nb/ns/a/sa/b', notMatching),
  ...refusedFrom('principals', `a/ns/b/sa/${'c'.repeat(254)}`, 'at most 253 characters'),
  ...refusedFrom('notPrincipals', 'frontend', writeIdentity),
  ...refusedFrom('namespaces', '', 'should be at least 1 chars long'),
  ...refusedFrom('namespaces', 'Shop', writeNamespace),
  ...refusedFrom('namespaces', 'shop.*', writeNamespace),
  ...refusedFrom('namespaces', '-shop', writeNamespace),
  ...refusedFrom('namespaces', 's*p', writeNamespace),
  ...refusedFrom('namespaces', 'a'.repeat(64), writeNamespace),
  ...refusedFrom('notNamespaces', '**', writeNamespace),
  ...refusedFrom('serviceAccounts', 'shop/*', writeAccount),
  ...refusedFrom('serviceAccounts', 'a/b/c', writeAccount),
  ...refusedFrom('serviceAccounts', 'cluster.local/ns/shop/sa/web', writeAccount),
  ...refusedFrom('serviceAccounts', 'Shop/web', notMatching),
  ...refusedFrom('serviceAccounts', 'shop/', notMatching),
  ...refusedFrom('serviceAccounts', 'a..b', notMatching),
  ...refusedFrom('serviceAccounts', 'a'.repeat(254), writeAccount),
  ...refusedFrom('serviceAccounts', `shop/${'a'.repeat(254)}`, writeAccount),
  ...refusedFrom('notServiceAccounts', '*', writeAccount),
  ...refusedFrom('ipBlocks', 'backend', writeRange),
  ...refusedFrom('ipBlocks', '10.0.0.0/33', notMatching),
  ...refusedFrom('ipBlocks', '10.0.0.0/08', notMatching),
  ...refusedFrom('ipBlocks', '10.0.0', notMatching),
  ...refusedFrom('ipBlocks', '10.0.0.256', notMatching),
  ...refusedFrom('ipBlocks', '010.0.0.0/8', notMatching),
  ...refusedFrom('ipBlocks', '10.0.0.5/8', hostBits),
  ...refusedFrom('ipBlocks', '10.0.0.1/31', hostBits),
  ...refusedFrom('ipBlocks', '1.0.0.0/0', hostBits),
  ...refusedFrom('ipBlocks', '192.168.64.0/17', hostBits),
  ...refusedFrom('ipBlocks', '2001:db8::/129', notMatching),
  ...refusedFrom('ipBlocks', '2001:db8::1/64', writeV6Range),
  ...refusedFrom('ipBlocks', '::1/0', writeV6Range),
  ...refusedFrom('ipBlocks', '2001:db9::/31', hostBits),
  ...refusedFrom('ipBlocks', '1:2::/16', hostBits),
  ...refusedFrom('ipBlocks', '1:2:3::/16', hostBits),
  ...refusedFrom('ipBlocks', 'fe80::/8', hostBits),
  ...refusedFrom('ipBlocks', '1::/15', hostBits),
  ...refusedFrom('ipBlocks', '2001:db8:e::/46', hostBits),
  ...refusedFrom('ipBlocks', '1::2::3', notMatching),
  ...refusedFrom('ipBlocks', '1:2:3:4:5:6:7:8:9', notMatching),
  ...refusedFrom('ipBlocks', ':::', notMatching),
  ...refusedFrom('ipBlocks', 'fe80::1%eth0', notMatching),
  ...refusedFrom('ipBlocks', '10.0.0.0/8/8', notMatching),
  ...refusedFrom('notIpBlocks', '10.0.0.5/8', hostBits),
  ...['source', 'requestPrincipals', 'notRequestPrincipals', 'remoteIpBlocks', 'notRemoteIpBlocks'].map(
    (field) =>
      refused(
        `a source with ${field}`,
        source({ [field]: field === 'source' ? { principals: ['*'] } : ['a'] }),
        field.replace(/^not./, (not) => not.slice(3).toLowerCase()),
      ),
  ),
  ...['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'].map((field) =>
    refused(`an operation with ${field}`, { rules: [{ to: [{ ports: [80], [field]: ['a'] }] }] }, l7),
  ),
  refused('operation', { rules: [{ to: [{ operation: { ports: [80] } }] }] }, 'operation is not needed'),
  refused(
    'port 0 of an operation',
    { rules: [{ to: [{ ports: [0] }] }] },
    'should be greater than or equal to 1',
  ),
  refused(
    'port 65536 of an operation',
    { rules: [{ to: [{ ports: [65536] }] }] },
    'less than or equal to 65535',
  ),
  refused('a port in quotes', { rules: [{ to: [{ ports: ['80'] }] }] }, 'must be of type integer'),
  refused('half a port', { rules: [{ to: [{ ports: [80.5] }] }] }, 'must be of type integer'),

  { ...refused('49 principals', source({ principals: Array(49).fill('*') }), tooMany), apart: 'bound' },
  { ...refused('17 rules', { rules: Array.from({ length: 17 }, () => ({})) }, tooMany), apart: 'bound' },
  ...spelled('2001:db8:0:0:0:0:0:0/32', '::ffff:10.0.0.0/104', '1:2:3:4:5:6:7:8/127', '0::/3'),
  ...policies('rules that are null', { rules: null }).map((it) => ({ ...it, apart: 'normalised' as const })),
]

function peer(name: string, ...specs: readonly unknown[]): PolicyCase[] {
  return specs.map((spec) => ({ name: `${name}: ${JSON.stringify(spec)}`, kind: 'PeerAuthentication', spec }))
}

function policies(name: string, ...specs: readonly unknown[]): PolicyCase[] {
  return specs.map((spec) => ({
    name: `${name}: ${JSON.stringify(spec)}`,
    kind: 'AuthorizationPolicy',
    spec,
  }))
}

/** A case for each of the values, which stand with spaces between them. */
function from(field: string, values: string): PolicyCase[] {
  return policies(field, ...values.split(' ').map((value) => source({ [field]: [value] })))
}

function refusedPeer(name: string, spec: unknown, refusal: string): PolicyCase {
  return { name, kind: 'PeerAuthentication', spec, refusal }
}

function refused(name: string, spec: unknown, refusal: string): PolicyCase {
  return { name, kind: 'AuthorizationPolicy', spec, refusal }
}

function refusedFrom(field: string, value: string, refusal: string): PolicyCase[] {
  return [refused(`${field} ${JSON.stringify(value)}`, source({ [field]: [value] }), refusal)]
}

function source(fields: Readonly<Record<string, unknown>>): unknown {
  return { rules: [{ from: [fields] }] }
}

function spelled(...ranges: readonly string[]): PolicyCase[] {
  const limit = 'IPv6 range'
  return ranges.map((range) => ({
    ...refused(`spelled ${range}`, source({ ipBlocks: [range] }), range === '0::/3' ? hostBits : limit),
    apart: 'bound',
  }))
}

function strictFor(matchLabels: Readonly<Record<string, unknown>>): unknown {
  return { mode: 'Strict', selector: { matchLabels } }
}

function manyPorts(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [index + 1, 'Strict']))
}
