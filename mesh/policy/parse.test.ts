import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { parsePolicy } from './parse.ts'
import { policyDocument, written } from './testing/documents.ts'

describe('a valid document', () => {
  it('takes its defaults', () => {
    expect(parsePolicy({ kind: 'AuthorizationPolicy', name: 'a', namespace: 'shop' })).toEqual({
      policy: {
        kind: 'AuthorizationPolicy',
        name: 'a',
        namespace: 'shop',
        selector: undefined,
        action: 'Allow',
        dryRun: false,
        rules: [],
      },
    })
  })

  it('comes back as it was meant, however it was meant', () => {
    fc.assert(
      fc.property(policyDocument, (policy) => {
        expect(parsePolicy(written(policy))).toEqual({ policy })
      }),
    )
  })

  it('takes off a spiffe:// in front of principals, also of patterns', () => {
    const principals = [
      'spiffe://cluster.local/ns/a/sa/b',
      'spiffe://cluster.local/*',
      'spiffe://*',
      '*/sa/b',
    ]
    expect(parsePolicy(allow({ principals }))).toMatchObject({
      policy: {
        rules: [
          {
            from: [
              {
                principals: [
                  { kind: 'exact', value: 'cluster.local/ns/a/sa/b' },
                  { kind: 'prefix', value: 'cluster.local/' },
                  { kind: 'presence' },
                  { kind: 'suffix', value: '/sa/b' },
                ],
              },
            ],
          },
        ],
      },
    })
  })

  it('puts a bare service account into its own namespace', () => {
    expect(parsePolicy(allow({ serviceAccounts: ['web', 'pay/web'] }))).toMatchObject({
      policy: {
        rules: [
          {
            from: [
              {
                serviceAccounts: [
                  { namespace: 'shop', serviceAccount: 'web' },
                  { namespace: 'pay', serviceAccount: 'web' },
                ],
              },
            ],
          },
        ],
      },
    })
  })
})

describe('every problem is reported at once', () => {
  it('in one document', () => {
    expect(
      problems(`
        kind: AuthorizationPolicy
        name: Backend
        nmespace: shop
        action: ALLOW
        dryRun: 'yes'
        rules:
          - from:
              - principals: [cluster.local/ns/shop/sa/frontend, a*b]
                principal: [x]
                ipBlocks: [10.0.0.5/8]
          - to:
              - ports: ['8080', 0]
                methods: [GET]
          - when: []
      `),
    ).toEqual([
      'nmespace: is not a field that weft knows; did you mean namespace?',
      'name: "Backend" is no name; write lower-case letters, digits, - and . (at most 253), e.g. backend',
      'namespace: is missing; write for example namespace: shop',
      'action: is written Allow, not "ALLOW"',
      'dryRun: must be true or false, without quotes; it is "yes"',
      'rules.0.from.0.principal: is not a field that weft knows; did you mean principals?',
      'rules.0.from.0.principals.1: "a*b" is no pattern; write abc* (begins), *abc (ends), * (any) or the whole value',
      'rules.0.from.0.ipBlocks.0: "10.0.0.5/8" has bits set after its prefix; write 10.0.0.0/8, or the address alone',
      'rules.1.to.0.methods: cannot be enforced: a layer 4 mesh carries the bytes of a connection and never reads requests',
      'rules.1.to.0.ports.0: is a number: write 8080 without quotes',
      'rules.1.to.0.ports.1: must be a port, 1 to 65535, e.g. 8080; it is the number 0',
      'rules.2.when: cannot be enforced: a layer 4 mesh carries the bytes of a connection and never reads requests',
    ])
  })
})

describe('refused, with what to write instead', () => {
  it.each<[yaml: string, problem: string]>([
    ['5', ': must be a mapping with kind, name and namespace; it is the number 5'],
    ['[]', ': must be a mapping with kind, name and namespace; it is a list'],
    ['{}', 'kind: must be PeerAuthentication or AuthorizationPolicy; it is empty'],
    [
      '{ kind: AuthorisationPolicy }',
      'kind: must be PeerAuthentication or AuthorizationPolicy; it is "AuthorisationPolicy"; did you mean AuthorizationPolicy?',
    ],
    [peer('selector: {}, mode: Strict'), 'selector: is empty; leave it out to select every workload'],
    [
      peer('selector: app, mode: Strict'),
      'selector: must be a mapping of labels such as { app: backend }; it is "app"',
    ],
    [
      peer('selector: { version: 1 }, mode: Strict'),
      "selector.version: must be text; it is the number 1: write '1' in quotes",
    ],
    [
      peer('selector: { matchLabels: { app: a } }, mode: Strict'),
      'selector.matchLabels: is not needed; write the labels directly under selector',
    ],
    [
      peer('selector: { matchExpressions: [] }, mode: Strict'),
      'selector.matchExpressions: cannot be used; write labels that must be equal, e.g. { app: backend }',
    ],
    [
      peer('selector: { "a b": c }, mode: Strict'),
      'selector.a b: is no label; write for example app, or example.com/app',
    ],
    [
      peer('selector: { app: "a b" }, mode: Strict'),
      'selector.app: "a b" is no label value; write letters, digits, -, _ and . (at most 63)',
    ],
    [peer(''), 'mode: is missing; write for example mode: Strict'],
    [peer('mode: STRICT'), 'mode: is written Strict, not "STRICT"'],
    [peer('mode: UNSET'), 'mode: is never inherited; write Strict or Permissive'],
    [
      peer('mode: DISABLE'),
      'mode: cannot be switched off: between meshed workloads there is always mutual TLS; write Permissive to let plaintext in as well',
    ],
    [peer('mode: Strict, mtls: { mode: STRICT }'), 'mtls: is written mode: Strict or mode: Permissive here'],
    [peer('mode: Strict, portLevelMtls: {}'), 'portLevelMtls: is written ports: { 8080: Permissive } here'],
    [
      peer('mode: Strict, ports: [8080]'),
      'ports: must be a mapping such as { 8080: Permissive }; it is a list',
    ],
    [peer('mode: Strict, ports: { 65536: Strict }'), 'ports.65536: is no port; write 1 to 65535, e.g. 8080'],
    [peer('mode: Strict, ports: { 80: Strikt }'), 'ports.80: must be Strict or Permissive; it is "Strikt"'],
    [
      '{ kind: AuthorizationPolicy, name: a, namespace: a.b }',
      'namespace: "a.b" is no namespace; write lower-case letters, digits and - (at most 63), e.g. shop',
    ],
    [policy('action: Deny'), ': a Deny without rules never denies; write rules: [{}] to deny everybody'],
    [
      policy('action: AUDIT'),
      'action: cannot be Audit; write dryRun: true beside Allow or Deny to record without denying',
    ],
    [policy('action: Refuse'), 'action: must be Allow or Deny; it is "Refuse"'],
    [policy('targetRefs: []'), 'targetRefs: cannot be used; write selector with the labels of the workloads'],
    [policy('rules: null'), 'rules: must be a list of rules; it is empty'],
    [policy('rules: [null]'), 'rules.0: must be a mapping with from, to; it is empty'],
    [
      policy('rules: [{ from: [] }]'),
      'rules.0.from: is an empty list; leave it out to demand nothing, or list what is meant',
    ],
    [
      policy('rules: [{ from: [{}] }]'),
      'rules.0.from.0: is a source that says nothing; leave from out to mean anybody',
    ],
    [
      policy('rules: [{ to: [{}] }]'),
      'rules.0.to.0: is an operation that says nothing; leave to out to mean every port',
    ],
    [policy('rules: [{ to: [{ ports: 80 }] }]'), 'rules.0.to.0.ports: must be a list; it is the number 80'],
    [
      policy('rules: [{ to: [{ ports: [80.5] }] }]'),
      'rules.0.to.0.ports.0: must be a port, 1 to 65535, e.g. 8080; it is the number 80.5',
    ],
    [
      policy('rules: [{ from: [{ source: { principals: [a] } }] }]'),
      'rules.0.from.0.source: is not needed; write principals, namespaces and the others directly under from',
    ],
    [
      policy('rules: [{ to: [{ operation: { ports: [80] } }] }]'),
      'rules.0.to.0.operation: is not needed; write ports and notPorts directly under to',
    ],
    from(
      'remoteIpBlocks',
      '10.0.0.0/8',
      undefined,
      'cannot be enforced: it reads an HTTP header; write ipBlocks, which test the address that connects',
    ),
    from('principals', '', 0, 'is empty; write a value, or * for any'),
    from(
      'principals',
      '**',
      0,
      '"**" is no pattern; write abc* (begins), *abc (ends), * (any) or the whole value',
    ),
    from(
      'principals',
      '*a*',
      0,
      '"*a*" is no pattern; write abc* (begins), *abc (ends), * (any) or the whole value',
    ),
    from('principals', 'frontend', 0, noIdentity('frontend')),
    from('principals', 'cluster.local/ns/Shop/*', 0, noIdentity('cluster.local/ns/Shop/*')),
    from('principals', 'https://cluster.local/*', 0, noIdentity('https://cluster.local/*')),
    from('principals', '*spiffe://a/b', 0, noIdentity('*spiffe://a/b')),
    from(
      'namespaces',
      'Shop',
      0,
      '"Shop" matches no namespace; write its name, e.g. shop, or a pattern such as shop-*',
    ),
    from(
      'namespaces',
      'shop.*',
      0,
      '"shop.*" matches no namespace; write its name, e.g. shop, or a pattern such as shop-*',
    ),
    ...['shop/*', 'a/b/c', 'cluster.local/ns/shop/sa/web', ''].map((account) =>
      from(
        'serviceAccounts',
        account,
        0,
        `${JSON.stringify(account)} is no service account; write shop/frontend, or frontend for the policy's own namespace; whole identities and patterns with * go under principals`,
      ),
    ),
    from(
      'ipBlocks',
      '10.0.0.0/33',
      0,
      '"10.0.0.0/33" is no address range; write e.g. 10.0.0.0/8, 2001:db8::/32, or one address',
    ),
    from(
      'ipBlocks',
      'backend',
      0,
      '"backend" is no address range; write e.g. 10.0.0.0/8, 2001:db8::/32, or one address',
    ),
    from(
      'notIpBlocks',
      '2001:db8::1/64',
      0,
      '"2001:db8::1/64" has bits set after its prefix; write 2001:db8::/64, or the address alone',
    ),
    from(
      'requestPrincipals',
      'a',
      undefined,
      'cannot be enforced: a layer 4 mesh carries the bytes of a connection and never reads requests',
    ),
  ])('%s', (yaml, problem) => {
    expect(problems(yaml)).toContain(problem)
  })
})

describe('whatever is thrown at it', () => {
  it('answers, and never throws', () => {
    fc.assert(fc.property(fc.anything(), (document) => void parsePolicy(document)))
  })

  it('answers a document of the right shape with wrong values', () => {
    const broken = fc
      .tuple(
        policyDocument.map(written),
        fc.constantFrom('name', 'selector', 'mode', 'ports', 'rules', 'dryRun'),
        fc.anything(),
      )
      .map(([document, key, value]) => ({ ...document, [key]: value }))
    fc.assert(
      fc.property(broken, (document) => {
        const result = parsePolicy(document)
        if ('problems' in result) {
          expect(result.problems.length).toBeGreaterThan(0)
          for (const { message } of result.problems) expect(message).toMatch(/\w/)
        }
      }),
    )
  })

  it('refuses every unknown field, at any depth, by name', () => {
    const field = fc.string({ minLength: 1 }).filter((key) => !['ports', 'notPorts'].includes(key))
    fc.assert(
      fc.property(field, (key) => {
        const operation = Object.defineProperty({ ports: [1] }, key, { value: 1, enumerable: true })
        const result = parsePolicy({
          kind: 'AuthorizationPolicy',
          name: 'a',
          namespace: 'b',
          rules: [{ to: [operation] }],
        })
        expect(result).toMatchObject({ problems: [{ path: ['rules', 0, 'to', 0, key] }] })
      }),
      { examples: [['__proto__'], ['constructor'], ['toString'], ['hasOwnProperty']] },
    )
  })

  it('takes nothing from a prototype', () => {
    const inherited: unknown = Object.create({
      kind: 'PeerAuthentication',
      name: 'a',
      namespace: 'b',
      mode: 'Strict',
    })
    expect(parsePolicy(inherited)).toHaveProperty('problems')
  })
})

function problems(yaml: string): string[] {
  const result = parsePolicy(parseYaml(yaml))
  if ('policy' in result) return []
  return result.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

function allow(source: object): unknown {
  return { kind: 'AuthorizationPolicy', name: 'a', namespace: 'shop', rules: [{ from: [source] }] }
}

function policy(fields: string): string {
  return `{ kind: AuthorizationPolicy, name: a, namespace: shop, ${fields} }`
}

function peer(fields: string): string {
  return `{ kind: PeerAuthentication, name: a, namespace: shop, ${fields} }`
}

function from(field: string, value: string, index: number | undefined, message: string): [string, string] {
  const at = index === undefined ? '' : `.${index}`
  return [
    policy(`rules: [{ from: [{ ${field}: [${JSON.stringify(value)}] }] }]`),
    `rules.0.from.0.${field}${at}: ${message}`,
  ]
}

function noIdentity(written: string): string {
  return `"${written}" matches no identity; write <trust domain>/ns/<namespace>/sa/<service account>, e.g. cluster.local/ns/shop/sa/frontend or cluster.local/ns/shop/*`
}
