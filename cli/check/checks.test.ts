import { describe, expect, it } from 'vitest'
import { seen } from '../kubernetes/seen.ts'
import { checkInstallation, checkPrerequisites } from './checks.ts'
import type { Facts, NamespaceFacts, NodeFacts, WebhookFacts } from './facts.ts'
import { type Finding, isGood } from './finding.ts'
import { facts, namespace as namespaceFacts, now, pod, webhook as webhookFacts } from './testing/facts.ts'

const day = 86_400_000
const hidden = { kind: 'hidden', why: 'pods is forbidden' } as const
const absent = { kind: 'absent' } as const

describe('a mesh in which nothing is wrong', () => {
  it('is told so by every check', () => {
    const findings = checkInstallation(facts())
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(new Set(findings.map(({ check }) => check)).size).toBe(13)
  })

  it('was fit for it before', () => {
    expect(checkPrerequisites(facts()).filter(({ level }) => level === 'problem')).toEqual([])
  })
})

describe('what is wrong is told, with what to do', () => {
  it.each<[what: string, other: Partial<Facts>, level: Finding['level'], message: string, command?: string]>([
    ['an old Kubernetes', version(28), 'problem', 'has no native sidecars'],
    [
      '1.29, without admission policies',
      version(29),
      'warning',
      'no ValidatingAdmissionPolicy',
      '--set admission.reserveUid=false',
    ],
    ['an old kubelet', node({ version: 'v1.28.9' }), 'problem', 'older than 1.29 on node-a'],
    ['an old kernel', node({ kernel: '4.18.0-513.el8' }), 'warning', 'older than 4.19 on node-a', 'modprobe'],
    ['a Windows node', node({ os: 'windows' }), 'warning', 'Windows cannot be meshed: node-a'],
    ['a node ahead', node({ clockAhead: 61_000 }), 'problem', 'node node-a is 61 s ahead'],
    ['a node behind', node({ clockAhead: -80_000 }), 'problem', 'node node-a is 80 s behind'],
    ['this machine ahead', clock(90_000), 'warning', "this machine's clock is 90 s ahead"],
    ['this machine behind', clock(-90_000), 'warning', "this machine's clock is 90 s behind"],
    [
      'no definitions',
      { definitions: seen([]) },
      'problem',
      'peerauthentications.weft.dev cannot be used',
      'weft install',
    ],
    ['definitions of another version', definitions({ served: ['v1'] }), 'problem', 'not in v1alpha1'],
    [
      'definitions that are not established',
      definitions({ established: false }),
      'problem',
      'cannot be used',
    ],
    [
      'nothing installed',
      { deployments: absent },
      'problem',
      'there is no deployment weft-injector',
      'weft install',
    ],
    [
      'no control plane ready',
      deployment({ ready: 0 }),
      'problem',
      '0 of 1 weft-control-plane ready: no pod that starts',
      'logs',
    ],
    ['a replica missing', deployment({ ready: 1, desired: 2 }), 'warning', '1 of 2 weft-control-plane ready'],
    ['scaled to nothing', deployment({ ready: 0, desired: 0 }), 'problem', '0 of 0 weft-control-plane ready'],
    [
      'another version',
      deployment({ image: 'r:5000/weft/control-plane:0.9.0' }),
      'warning',
      'is 0.9.0, and this command 1.0.0',
    ],
    ['no webhook', { webhooks: absent }, 'problem', 'no MutatingWebhookConfiguration', 'weft install'],
    [
      'a webhook of an older version',
      { webhooks: seen([webhookFacts({ name: 'inject.weft.dev' })]) },
      'problem',
      'weft-injector has no pod.inject.weft.dev',
      'weft install',
    ],
    [
      'a webhook that is ignored',
      webhook({ failurePolicy: 'Ignore' }),
      'problem',
      'failurePolicy of pod.inject.weft.dev is Ignore',
    ],
    [
      'no caBundle',
      webhook({ roots: [] }),
      'problem',
      'the caBundle of pod.inject.weft.dev is empty',
      'logs deployment/weft-control-plane',
    ],
    ['a foreign caBundle', webhook({ roots: ['CC:DD'] }), 'problem', 'none of the mesh’s roots', 'logs'],
    [
      'a pod that nobody injected',
      { trial: { kind: 'untouched', namespace: 'shop' } },
      'problem',
      'was not injected',
    ],
    [
      'a webhook out of reach',
      refused('Internal error occurred: failed calling webhook "inject.weft.dev": x509'),
      'problem',
      'x509',
      'endpointslices',
    ],
    ['a pod refused by others', refused('exceeded quota'), 'warning', 'exceeded quota'],
    [
      'nowhere to try',
      { trial: { kind: 'not-tried', why: 'no namespace' } },
      'warning',
      'for trial: no namespace',
    ],
    [
      'a caBundle that cannot be read',
      webhook({ roots: [], unreadableRoots: 1 }),
      'problem',
      'the caBundle of pod.inject.weft.dev in the MutatingWebhookConfiguration weft-injector has certificates that cannot be read',
      'logs deployment/weft-control-plane',
    ],
    [
      'a trust bundle that cannot be read',
      { trustBundle: seen({ roots: [], unreadable: 2 }) },
      'problem',
      '2 certificates in bundle.pem of ConfigMap weft-system/weft-trust-bundle cannot be read',
      'logs deployment/weft-control-plane',
    ],
    ['no trust bundle', { trustBundle: absent }, 'problem', 'nobody can trust the mesh', 'logs'],
    ['a root that ends', root(100 * day), 'warning', 'root CN=weft root is good for another 100d'],
    ['a root that ended', root(-1), 'problem', 'root CN=weft root has expired'],
    [
      'an issuer that ends',
      expiry('issuer', 20 * day),
      'warning',
      'issuer certificate is good for another 20d',
    ],
    [
      'a serving certificate that ended',
      expiry('serving', -day),
      'problem',
      'serving certificate has expired',
    ],
    [
      'a plugged-in authority that ends',
      expiry('plugged_ca', 20 * day),
      'warning',
      'certificate authority that is plugged in is good for another 20d',
      'get secret weft-ca',
    ],
    [
      'a plugged-in authority that ends in days',
      expiry('plugged_ca', 6 * day),
      'problem',
      'certificate authority that is plugged in is good for another 6d',
      'get secret weft-ca',
    ],
    [
      'a restricted namespace',
      namespace({ podSecurity: 'restricted' }),
      'problem',
      'shop is injected and enforces the level restricted',
      'kubectl label namespace shop --overwrite pod-security.kubernetes.io/enforce=privileged',
    ],
    [
      'a pod left out',
      { pods: seen([pod({ mesh: { kind: 'unmeshed' } })]) },
      'problem',
      '1 pod of namespace shop should be meshed and is not: deployment/backend',
      'kubectl -n shop rollout restart deployment/backend',
    ],
    [
      'a pod that asked for itself, left out',
      { pods: seen([pod({ namespace: 'plain', asks: 'in', mesh: { kind: 'unmeshed' } })]) },
      'problem',
      '1 pod of namespace plain should be meshed and is not: deployment/backend',
      'kubectl -n plain rollout restart deployment/backend',
    ],
    [
      'redirection that failed',
      sidecar({ kind: 'redirection-failed', message: 'no iptables works' }),
      'problem',
      'weft-init of shop/backend-1 failed on node node-a: no iptables works',
      'modprobe',
    ],
    [
      'a sidecar that waits',
      sidecar({ kind: 'waiting', message: 'ImagePullBackOff' }),
      'warning',
      'shop/backend-1 is not ready: ImagePullBackOff',
      'logs',
    ],
    [
      'an old sidecar',
      {
        pods: seen([
          pod({ mesh: { kind: 'meshed', image: 'weft/sidecar:0.9.0', state: { kind: 'ready' } } }),
        ]),
      },
      'warning',
      '1 sidecar of another version than 1.0.0: shop/deployment/backend',
    ],
    [
      'a policy refused',
      policy({ status: 'False', message: 'spec.rules[0]: no' }),
      'problem',
      'AuthorizationPolicy shop/backend is refused: spec.rules[0]: no',
    ],
    [
      'a policy not judged',
      policy(undefined),
      'warning',
      'nobody has judged AuthorizationPolicy shop/backend',
    ],
    [
      'Cilium without a proxy',
      cilium({ 'kube-proxy-replacement': 'true' }),
      'warning',
      'Cilium chooses',
      'hostNamespaceOnly=true',
    ],
    ['Cilium, said outright', cilium({ 'bpf-lb-sock': 'true' }), 'warning', 'Cilium chooses'],
    [
      'Calico’s eBPF',
      calico({ bpfEnabled: true }),
      'warning',
      'Calico’s eBPF',
      'bpfConnectTimeLoadBalancing',
    ],
    [
      'Calico’s eBPF for TCP',
      calico({ bpfEnabled: true, bpfConnectTimeLoadBalancing: 'TCP' }),
      'warning',
      'Calico’s eBPF',
    ],
  ])('%s', (_, other, level, message, command) => {
    const findings = checkInstallation(facts(other)).filter((finding) => finding.message.includes(message))
    expect(findings).toMatchObject([{ level }])
    if (command !== undefined) expect(findings[0]?.commands?.join('\n')).toContain(command)
    if (level === 'problem') expect(findings[0]?.remedy).toMatch(/\w/)
  })
})

describe('a command line that applies weft', () => {
  const commands = (other: Partial<Facts>) =>
    checkInstallation(facts(other)).flatMap(({ remedy, commands = [] }) =>
      commands.some((line) => line.startsWith('weft install')) ? [[remedy, commands[0]]] : [],
    )

  it.each<[what: string, other: Partial<Facts>]>([
    ['the webhook', { webhooks: absent }],
    ['the failurePolicy', webhook({ failurePolicy: 'Ignore' })],
    ['a deployment', { deployments: absent }],
    ['another version', deployment({ image: 'weft/control-plane:0.9.0' })],
    ['the definitions', { definitions: seen([]) }],
    ['what may be there', { definitions: seen([]), deployments: hidden, webhooks: absent }],
  ])('leaves a place for the flags of the installation: %s', (_, other) => {
    const found = commands({ namespace: 'mesh', ...other })
    expect(found.length).toBeGreaterThan(0)
    for (const [remedy, command] of found) {
      expect(remedy).toContain('... are the flags and files that weft was installed with')
      expect(command).toBe('weft install --namespace mesh ... | kubectl apply -f -')
    }
  })

  it('is whole where nothing is installed', () => {
    const nothing = { deployments: absent, webhooks: absent, definitions: seen([]) }
    const whole = 'weft install | kubectl apply -f -'
    expect(commands(nothing).map(([, command]) => command)).toEqual([whole, whole, whole, whole])
  })
})

describe('what is not wrong is not told', () => {
  it.each<[what: string, other: Partial<Facts>]>([
    [
      'Cilium in the host’s namespace only',
      cilium({ 'bpf-lb-sock': 'true', 'bpf-lb-sock-hostns-only': 'true' }),
    ],
    ['Cilium without its socket', cilium({ 'kube-proxy-replacement': 'true', 'bpf-lb-sock': 'false' })],
    ['Cilium beside kube-proxy', cilium({ 'kube-proxy-replacement': 'false' })],
    [
      'Calico’s eBPF that leaves connects alone',
      calico({ bpfEnabled: true, bpfConnectTimeLoadBalancing: 'Disabled' }),
    ],
    ['the same in older words', calico({ bpfEnabled: true, bpfConnectTimeLoadBalancingEnabled: false })],
    ['Calico’s iptables', calico({ bpfEnabled: false })],
    [
      'pods with the network of their node',
      { pods: seen([pod({ hostNetwork: true, mesh: { kind: 'unmeshed' } })]) },
    ],
    ['pods for Windows', { pods: seen([pod({ forWindows: true, mesh: { kind: 'unmeshed' } })]) }],
    ['pods of namespaces that the webhook excludes, with every namespace labelled', everyNamespaceLabelled()],
    ['pods that said no', { pods: seen([pod({ asks: 'out', mesh: { kind: 'unmeshed' } })]) }],
    ['a kubelet whose lease is about to be renewed', node({ clockAhead: -14_000 })],
    ['an image by digest', deployment({ image: 'weft/control-plane@sha256:abc' })],
    ['a build of one’s own', deployment({ image: 'weft/control-plane:main-1a2b3c' })],
    ['one of several roots in the caBundle', webhook({ roots: ['CC:DD', 'AA:BB'] })],
  ])('%s', (_, other) => {
    expect(checkInstallation(facts(other)).filter(({ level }) => level !== 'ok')).toEqual([])
  })
})

describe('before the installation', () => {
  it('names the rights that are missing', () => {
    const permissions = [
      { verb: 'create', resource: 'clusterroles.rbac.authorization.k8s.io', allowed: false },
      { verb: 'create', resource: 'namespaces', allowed: true },
    ]
    expect(checkPrerequisites(facts({ permissions }))).toContainEqual(
      expect.objectContaining({
        level: 'problem',
        message: 'you may not create clusterroles.rbac.authorization.k8s.io',
      }),
    )
  })

  it('names namespaces that could not be injected, though nobody wants that yet', () => {
    const other = namespace({ injected: false, podSecurity: 'baseline' })
    expect(checkPrerequisites(facts(other))).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        message: expect.stringContaining('shop (baseline)') as string,
      }),
    )
    expect(isGood(checkPrerequisites(facts(other)))).toBe(true)
    expect(checkInstallation(facts(other)).filter(({ check }) => check === 'pod-security')).toMatchObject([
      { level: 'ok' },
    ])
  })

  it('asks for nothing of an installation', () => {
    const nothing = {
      definitions: absent,
      deployments: absent,
      webhooks: absent,
      trustBundle: absent,
      expiry: absent,
    }
    expect(isGood(checkPrerequisites(facts(nothing)))).toBe(true)
    expect(isGood(checkInstallation(facts(nothing)))).toBe(false)
  })
})

describe('what cannot be seen', () => {
  it.each([
    'nodes',
    'namespaces',
    'pods',
    'networkPolicies',
    'definitions',
    'deployments',
    'webhooks',
    'trustBundle',
    'expiry',
    'policies',
  ] as const)('%s: is neither good nor bad, and keeps the answer from being yes', (fact) => {
    const findings = checkInstallation(facts({ [fact]: hidden }))
    const unseen = findings.filter(({ level }) => level === 'unseen')
    expect(unseen.length).toBeGreaterThan(0)
    for (const { message } of unseen) expect(message).toContain('cannot be seen: pods is forbidden')
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([])
    expect(isGood(findings)).toBe(false)
  })
})

function version(minor: number): Partial<Facts> {
  return { server: { version: `v1.${minor}.0`, minor, clock: { here: now, server: now } } }
}

function clock(ahead: number): Partial<Facts> {
  return { server: { version: 'v1.36.3', minor: 36, clock: { here: now + ahead, server: now } } }
}

function node(other: Partial<NodeFacts>): Partial<Facts> {
  const { nodes } = facts()
  return nodes.kind === 'seen' ? { nodes: seen([{ ...nodes.value[0]!, ...other }]) } : {}
}

function namespace(other: Partial<NamespaceFacts>): Partial<Facts> {
  return { namespaces: seen([namespaceFacts({ name: 'shop', injected: true, ...other })]) }
}

function definitions(other: { served?: readonly string[]; established?: boolean }): Partial<Facts> {
  const names = ['authorizationpolicies.weft.dev', 'peerauthentications.weft.dev']
  return {
    definitions: seen(names.map((name) => ({ name, served: ['v1alpha1'], established: true, ...other }))),
  }
}

function deployment(other: { ready?: number; desired?: number; image?: string }): Partial<Facts> {
  const { deployments } = facts()
  if (deployments.kind !== 'seen') return {}
  const [first, ...rest] = deployments.value
  return { deployments: seen([{ ...first!, ...other }, ...rest]) }
}

/** As after kubectl label namespaces --all; each excluded one also enforces what meshed pods cannot have. */
function everyNamespaceLabelled(): Partial<Facts> {
  const excluded = ['weft-system', 'kube-system', 'monitoring']
  const mesh = { kind: 'unmeshed' } as const
  return {
    namespaces: seen([
      namespaceFacts({ name: 'shop', injected: true }),
      ...excluded.map((name) => namespaceFacts({ name, injected: true, podSecurity: 'restricted' })),
    ]),
    webhooks: seen(
      ['inject.weft.dev', 'pod.inject.weft.dev'].map((name) => webhookFacts({ name, excluded })),
    ),
    pods: seen([pod(), ...excluded.map((name) => pod({ namespace: name, asks: 'in', mesh }))]),
  }
}

function webhook(other: Partial<WebhookFacts>): Partial<Facts> {
  return {
    webhooks: seen([
      webhookFacts({ name: 'inject.weft.dev' }),
      webhookFacts({ name: 'pod.inject.weft.dev', ...other }),
    ]),
  }
}

function refused(message: string): Partial<Facts> {
  return { trial: { kind: 'refused', namespace: 'shop', message } }
}

function root(left: number): Partial<Facts> {
  const roots = [{ subject: 'CN=weft root', fingerprint: 'AA:BB', notAfter: now + left }]
  return { trustBundle: seen({ roots, unreadable: 0 }) }
}

function expiry(name: string, left: number): Partial<Facts> {
  return { expiry: seen(new Map([[name, now + left]])) }
}

function sidecar(
  state: Extract<ReturnType<typeof pod>['mesh'], { kind: 'meshed' }>['state'],
): Partial<Facts> {
  return { pods: seen([pod({ mesh: { kind: 'meshed', image: 'weft/sidecar:1.0.0', state } })]) }
}

function policy(accepted: { status: string; message: string } | undefined): Partial<Facts> {
  const written = {
    kind: 'AuthorizationPolicy',
    namespace: 'shop',
    name: 'backend',
    says: 'Allow',
    workloads: 1,
  }
  return { policies: seen([{ ...written, accepted }]) }
}

function cilium(data: Readonly<Record<string, string>>): Partial<Facts> {
  return { cilium: seen(data) }
}

function calico(spec: Readonly<Record<string, unknown>>): Partial<Facts> {
  return { calico: seen(spec) }
}
