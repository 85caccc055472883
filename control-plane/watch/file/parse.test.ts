import { describe, expect, test } from 'vitest'
import { formatCidr } from '#mesh/address.ts'
import { parseRegistry } from './parse.ts'
import { changed, good, problemsOf } from './testing/good-file.ts'

/** A text, and every line that it is answered with. */
const badFiles: readonly (readonly [text: string, ...problems: string[]])[] = [
  ['', '1:1 the file is empty: write at least mesh: { networks: [10.77.0.0/16] }'],
  ['# nothing yet', '1:1 must be a mapping with mesh, workloads, services, policies; it is empty'],
  ['- mesh', '1:1 must be a mapping with mesh, workloads, services, policies; it is a list'],
  ['workloads: []', '1:1 mesh: is missing; write for example mesh: { networks: [10.77.0.0/16] }'],
  [
    'mesh:',
    '1:1 mesh: must be a mapping with trustDomain, networks, egress, rejectPlaintextFromMesh, sidecarScope; it is empty',
  ],
  ['mesh: {}', '1:1 mesh.networks: is missing; write for example networks: [10.77.0.0/16]'],
  [`${good}---\n${good}`, '34:1 the file holds several documents: write one, without --- between parts'],
  [changed('services:', 'workloads:'), '14:1 this field is written twice: keep one of them'],
  [changed('services:', 'servces:'), '14:1 servces: is not a field that weft knows; did you mean services?'],
  [
    changed('addresses: [10.77.0.11]', 'adresses: [10.77.0.11]'),
    '4:5 workloads[0].addresses: is missing; write for example addresses: [10.77.0.11]',
    '7:5 workloads[0].adresses: is not a field that weft knows; did you mean addresses?',
  ],
  [
    changed('targetPort: 8080', 'targetPort: 70000'),
    '22:9 services[0].ports[0].targetPort: must be a port, 1 to 65535, e.g. 8080, or the name of one, e.g. http; it is the number 70000',
  ],
  [
    changed('targetPort: 8080', 'targetPort: "8080"'),
    '22:9 services[0].ports[0].targetPort: must be a port, 1 to 65535, e.g. 8080, or the name of one, e.g. http; it is "8080"',
  ],
  [
    changed('targetPort: 8080', 'targetPort: 15008'),
    '22:9 services[0].ports[0].targetPort: 15008 is a port of the mesh itself: write the one that the application listens on',
  ],
  [
    changed('10.77.0.12', '10.77.0.300'),
    '12:9 workloads[1].addresses[0]: "10.77.0.300" is no address; write IPv4 or IPv6, e.g. 10.77.0.11, without a port or a length',
  ],
  [
    changed('10.77.0.12', '10.77.0.12/32'),
    '12:9 workloads[1].addresses[0]: "10.77.0.12/32" is no address; write IPv4 or IPv6, e.g. 10.77.0.11, without a port or a length',
  ],
  [
    changed('10.77.0.12', '10.78.0.12'),
    '12:9 workloads[1].addresses[0]: 10.78.0.12 is outside of mesh.networks (10.77.0.0/16): write one inside, or add its range',
  ],
  [
    changed('10.77.0.12', '10.77.0.11'),
    '12:9 workloads[1].addresses[0]: address 10.77.0.11 is already at workloads[0].addresses[0]: write another one',
  ],
  [
    changed('10.77.100.1', '10.77.0.12'),
    '17:17 services[0].addresses[0]: address 10.77.0.12 is already at workloads[1].addresses[0]: write another one',
  ],
  [
    changed('name: backend-1', 'name: frontend-1'),
    '9:5 workloads[1].name: workload shop/frontend-1 is already at workloads[0].name: write another one',
  ],
  [
    changed('name: backend-1', 'name: Backend'),
    '9:5 workloads[1].name: "Backend" is no name; write lower-case letters, digits, - and . (at most 253)',
  ],
  [
    changed('name: backend-1', 'name: ../../root-key.pem'),
    '9:5 workloads[1].name: "../../root-key.pem" is no name; write lower-case letters, digits, - and . (at most 253)',
  ],
  [
    changed('name: backend-1', 'name: 17'),
    "9:5 workloads[1].name: must be text; it is the number 17: write '17' in quotes",
  ],
  [
    changed('serviceAccount: frontend', 'hostNetwork: true\n    meshed: true'),
    "4:5 workloads[0]: cannot be meshed with hostNetwork: true, because redirection would be the whole node's; leave one of them out",
  ],
  [
    changed('serviceAccount: frontend', 'meshed: "no"'),
    '6:5 workloads[0].meshed: must be true or false, without quotes; it is "no"',
  ],
  [
    changed('[10.77.0.0/16]', '[10.77.0.1/16]'),
    '2:14 mesh.networks[0]: "10.77.0.1/16" has bits set after its prefix; write 10.77.0.0/16, or the address alone',
  ],
  [
    changed('[10.77.0.0/16]', '[10.77.0.0/16]\n  egress: Passthrough'),
    '3:3 mesh.egress: is written passthrough, not "Passthrough"',
  ],
  [
    changed('[10.77.0.0/16]', '[10.77.0.0/16]\n  trustDomain: spiffe://x'),
    '3:3 mesh.trustDomain: "spiffe://x" is no trust domain; write lower-case letters, digits, . - and _, e.g. cluster.local',
  ],
  [
    changed('      - name: http\n        port: 80\n', '      - port: 80\n      - port: 80\n'),
    '20:9 services[0].ports[0]: has no name: write one, because the service has several ports',
    '21:9 services[0].ports[1]: has no name: write one, because the service has several ports',
    '21:9 services[0].ports[1].port: port 80 of this service is already at ports[0]: write another one',
  ],
  [
    changed('mode: Strict', 'mode: Sometimes'),
    '27:5 policies[0].mode: must be Strict or Permissive; it is "Sometimes"',
  ],
  [
    changed(
      'kind: AuthorizationPolicy\n    name: backend',
      'kind: PeerAuthentication\n    name: default\n    mode: Strict',
    ).replace(/ {4}rules[^]*/, ''),
    '29:5 policies[1].name: PeerAuthentication shop/default is already at policies[0].name: write another one',
  ],
  [
    changed('cluster.local/ns/shop/sa/frontend', 'frontend'),
    '33:26 policies[1].rules[0].from[0].principals[0]: "frontend" matches no identity; write <trust domain>/ns/<namespace>/sa/<service account>, e.g. cluster.local/ns/shop/sa/frontend or cluster.local/ns/shop/*',
  ],
  [good.replace(/services:[^]*/, 'services: 5'), '14:1 services: must be a list; it is the number 5'],
  [
    good.replace(/services:[^]*/, 'services:\n  - backend'),
    '15:5 services[0]: must be a mapping with name, namespace, addresses, ingressAddresses, selector, endpoints, publishNotReadyAddresses, internalTrafficPolicy, trafficDistribution, sessionAffinity, sessionAffinitySeconds, ports; it is "backend"',
  ],
  [
    changed(
      'selector: { app: backend }',
      'selector: { app: backend }\n    endpoints: [{ address: 192.0.2.1 }]',
    ),
    '15:5 services[0]: has both a selector and endpoints; leave one of them out',
  ],
  [
    changed('selector: { app: backend }', 'endpoints: [{ address: 127.0.0.2 }]'),
    '18:19 services[0].endpoints[0].address: is another host on every host, so it can be nobody’s endpoint: write an address that leads to one',
  ],
  [
    changed('selector: { app: backend }', 'endpoints: [{ address: 10.77.100.1 }]'),
    '18:17 services[0].endpoints[0]: 10.77.100.1 is a virtual address, of services[0]: write the address of an endpoint',
  ],
  [
    changed(
      'selector: { app: backend }',
      'endpoints: [{ address: 192.0.2.1, ports: { https: 1, http: 0 } }]',
    ),
    '18:58 services[0].endpoints[0].ports.http: must be a port, 1 to 65535, e.g. 8080; it is the number 0',
  ],
  [
    changed('selector: { app: backend }', 'endpoints: [{ address: 192.0.2.1, ports: { https: 1 } }]'),
    '18:48 services[0].endpoints[0].ports.https: is the name of no TCP port of this service (http): write one of those',
  ],
  [
    changed('selector: { app: backend }', 'sessionAffinitySeconds: 5'),
    '15:5 services[0]: has sessionAffinitySeconds without an affinity; write sessionAffinity: ClientIP beside it',
  ],
  [
    changed('selector: { app: backend }', 'sessionAffinity: ClientIP\n    sessionAffinitySeconds: 90000'),
    '19:5 services[0].sessionAffinitySeconds: must be a number of seconds, 1 to 86400, e.g. 10800; it is the number 90000',
  ],
  [
    changed('selector: { app: backend }', 'internalTrafficPolicy: local'),
    '18:5 services[0].internalTrafficPolicy: is written Local, not "local"',
  ],
  [
    changed('selector: { app: backend }', 'ingressAddresses: [10.77.0.11]'),
    '18:24 services[0].ingressAddresses[0]: address 10.77.0.11 is already at workloads[0].addresses[0]: write another one',
  ],
  [
    changed('targetPort: 8080', 'protocol: UDP'),
    '15:5 services[0]: has addresses but no TCP ports; write for example ports: [{ port: 80, targetPort: 8080 }]',
  ],
  [changed('{ app: frontend }', '{ app: !secret x }'), '8:20 this is not YAML: Unresolved tag: !secret'],
  [changed('{ app: frontend }', '{ "80": a, 80: b }'), '8:24 this field is written twice: keep one of them'],
]

describe('a good file', () => {
  test('is read whole', () => {
    const parsed = parseRegistry(good)
    if ('problems' in parsed) expect.unreachable(problemsOf(good).join('\n'))
    const { mesh, workloads, services, policies } = parsed.state
    expect(mesh.settings.networks.map(formatCidr)).toEqual(['10.77.0.0/16'])
    expect(workloads[0]).toEqual({
      clusterId: 'Kubernetes',
      namespace: 'shop',
      name: 'frontend-1',
      podUid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
      serviceAccount: 'frontend',
      addresses: ['10.77.0.11'],
      labels: { app: 'frontend' },
      meshed: true,
      ready: true,
      hostNetwork: false,
      node: '',
      locality: { region: '', zone: '', subzone: '' },
      owner: { type: 'pod', name: 'frontend-1' },
      ports: new Map(),
    })
    expect(services).toEqual([
      {
        namespace: 'shop',
        name: 'backend',
        hostname: 'backend.shop.svc.cluster.local',
        addresses: [{ network: '', ip: '10.77.100.1' }],
        ingressAddresses: [],
        selector: { app: 'backend' },
        endpoints: undefined,
        publishNotReadyAddresses: false,
        internalTrafficPolicy: 'cluster',
        trafficDistribution: 'any',
        sessionAffinity: { kind: 'none' },
        ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      },
    ])
    expect(policies.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'PeerAuthentication default',
      'AuthorizationPolicy backend',
    ])
  })

  test('may be as short as its networks', () => {
    const parsed = parseRegistry('mesh: { networks: [10.77.0.0/16] }')
    expect(parsed).toHaveProperty('state.mesh', {
      settings: expect.objectContaining({
        network: '',
        egress: 'passthrough',
        rejectPlaintextFromMesh: false,
      }),
      trustDomain: 'cluster.local',
      sidecarScope: 'mesh',
    })
    expect(parsed).toMatchObject({ state: { workloads: [], services: [], policies: [] } })
  })

  test.each([
    ['an empty section', good.replace(/policies:[^]*/, 'policies:\n')],
    [
      'a headless service without ports',
      changed('addresses: [10.77.100.1]', '').replace(/ {4}ports:[^]*?policies/, 'policies'),
    ],
    [
      'an anchor and its alias',
      changed('{ app: frontend }', '&l { app: frontend }').replace('{ app: backend }', '*l'),
    ],
    ['IPv6', changed('[10.77.0.0/16]', '[10.77.0.0/16, fd00::/64]').replace('10.77.0.11', 'FD00::0:11')],
    [
      "a node's address outside of the networks",
      changed('addresses: [10.77.0.11]', 'addresses: [192.0.2.1]\n    hostNetwork: true'),
    ],
    ['JSON', JSON.stringify({ mesh: { networks: ['10.77.0.0/16'] } })],
  ])('with %s', (_, text) => {
    expect(problemsOf(text)).toEqual([])
  })

  test('leaves a pod on the host network out of the mesh', () => {
    const parsed = parseRegistry(changed('serviceAccount: frontend', 'hostNetwork: true'))
    expect(parsed).toHaveProperty('state.workloads.0.meshed', false)
  })

  test('tells pods of one name apart by account and addresses, and by nothing else', () => {
    const uid = (text: string) => {
      const parsed = parseRegistry(text)
      return 'state' in parsed ? parsed.state.workloads[0]?.podUid : undefined
    }
    expect(uid(changed('{ app: frontend }', '{ app: other }'))).toBe(uid(good))
    expect(uid(changed('serviceAccount: frontend', 'serviceAccount: other'))).not.toBe(uid(good))
    expect(uid(changed('10.77.0.11', '10.77.0.21'))).not.toBe(uid(good))
  })
})

describe('a service', () => {
  const read = (text: string) => {
    const parsed = parseRegistry(text)
    if ('problems' in parsed) throw new Error(problemsOf(text).join('\n'))
    return parsed.state
  }

  test('may name its endpoints, which listen where its ports say unless they say otherwise', () => {
    const endpoints = `endpoints:
      - { address: 192.0.2.1, zone: a, hints: [a, b] }
      - { address: 192.0.2.2, ready: false, node: node-a, ports: { http: 9000 } }`
    expect(read(changed('selector: { app: backend }', endpoints)).services[0]).toMatchObject({
      selector: {},
      endpoints: [
        {
          address: '192.0.2.1',
          ready: true,
          node: '',
          zone: 'a',
          hints: ['a', 'b'],
          ports: new Map([['http', 8080]]),
        },
        {
          address: '192.0.2.2',
          ready: false,
          node: 'node-a',
          zone: '',
          hints: [],
          ports: new Map([['http', 9000]]),
        },
      ],
    })
  })

  test('may have one port number on TCP and UDP, of which only TCP is the mesh’s', () => {
    const dns = `- { name: dns, port: 53, protocol: UDP }
      - { name: dns-tcp, port: 53, protocol: TCP, targetPort: domain }
      - name: http`
    expect(read(changed('- name: http', dns)).services[0]?.ports).toEqual([
      { name: 'dns-tcp', port: 53, targetPort: 'domain' },
      { name: 'http', port: 80, targetPort: 8080 },
    ])
  })

  test('says in Kubernetes’ words which endpoint a client gets', () => {
    const words = `internalTrafficPolicy: Local
    trafficDistribution: PreferSameNode
    sessionAffinity: ClientIP
    ingressAddresses: [203.0.113.9]`
    expect(read(changed('selector: { app: backend }', words)).services[0]).toMatchObject({
      internalTrafficPolicy: 'local',
      trafficDistribution: 'prefer-node',
      sessionAffinity: { kind: 'client-ip', seconds: 10_800 },
      ingressAddresses: [{ network: '', ip: '203.0.113.9' }],
    })
  })

  test('may mean a port by the name that each workload gives it', () => {
    const state = read(
      changed('targetPort: 8080', 'targetPort: web').replace(
        'serviceAccount: frontend',
        'ports: { web: 9000 }',
      ),
    )
    expect(state.services[0]?.ports[0]?.targetPort).toBe('web')
    expect(state.workloads[0]?.ports).toEqual(new Map([['web', 9000]]))
  })
})

describe('a bad file is told with line, column, field and what to write', () => {
  for (const [text, ...problems] of badFiles) {
    test(problems.join(' | '), () => {
      expect(problemsOf(text)).toEqual(problems.map((line) => `mesh.yaml:${line}`))
    })
  }

  test('all at once, in the order of the file', () => {
    const bad = good
      .replace('10.77.0.0/16', '10.77.0.0/33')
      .replace('namespace: shop', 'namespace: Shop')
      .replace('targetPort: 8080', 'targetPort: 0')
      .replace('mode: Strict', 'mode: Off')
    expect(problemsOf(bad).map((line) => line.split(' ', 2).join(' '))).toEqual([
      'mesh.yaml:2:14 mesh.networks[0]:',
      'mesh.yaml:5:5 workloads[0].namespace:',
      'mesh.yaml:22:9 services[0].ports[0].targetPort:',
      'mesh.yaml:27:5 policies[0].mode:',
    ])
  })
})
