import { describe, expect, it } from 'vitest'
import { fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { runWeft } from '../testing/run-weft.ts'
import type { Finding } from './finding.ts'

const list = (...items: readonly unknown[]) => ({ items })
const pod = (name: string) => ({ metadata: { namespace: 'shop', name }, status: { phase: 'Running' } })
const bare = {
  'GET /version': { gitVersion: 'v1.36.3', minor: '36' },
  'GET /api/v1/nodes': list(),
  'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases': list(),
  'GET /api/v1/namespaces': list({ metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } } }),
  'GET /api/v1/pods': list(),
  'GET /apis/networking.k8s.io/v1/networkpolicies': list(),
  'GET /apis/apps/v1/namespaces/weft-system/deployments': list(),
  'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: { allowed: true } },
}

describe('weft check', () => {
  it('answers 0 for a cluster that weft can be installed in', async () => {
    await using api = await fakeApiServer(bare)
    const { status, stdout, stderr } = await weft(api.kubeconfig, 'check', '--pre')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('\nweft can be installed: weft install | kubectl apply -f -\n')
  })

  it('answers 1 for one that it is not installed in', async () => {
    await using api = await fakeApiServer(bare)
    const { status, stdout } = await weft(api.kubeconfig, 'check', '-o', 'json')
    const { ok, context, findings } = JSON.parse(stdout) as Record<string, unknown>
    expect({ status, ok, context }).toEqual({ status: 1, ok: false, context: 'fake' })
    expect(findings).toContainEqual(expect.objectContaining({ check: 'definitions', level: 'problem' }))
  })

  it('reads long lists page by page', async () => {
    await using api = await fakeApiServer({
      ...bare,
      'GET /api/v1/pods?limit=500': { items: [pod('a')], metadata: { continue: 'next/page' } },
      'GET /api/v1/pods?limit=500&continue=next%2Fpage': { items: [pod('b')], metadata: {} },
    })
    const { stdout } = await weft(api.kubeconfig, 'check')
    expect(stdout).toContain('2 pods of namespace shop should be meshed and are not: pod/a, pod/b')
  })

  it('prints commands for the cluster and the namespace that it was asked about', async () => {
    await using api = await fakeApiServer({ ...bare, 'GET /api/v1/pods': list(pod('a')) })
    const where = ['--context', 'fake', '--namespace', 'mesh']
    const installed = await weft(api.kubeconfig, 'check', ...where, '-o', 'json')
    const { findings } = JSON.parse(installed.stdout) as { findings: { commands?: string[] }[] }
    const commands = findings.flatMap(({ commands = [] }) => commands)
    expect(commands).toContain('weft install --namespace mesh | kubectl --context fake apply -f -')
    expect(commands.filter((line) => /kubectl (?!--context fake )/.test(line))).toEqual([])
    const before = await weft(api.kubeconfig, 'check', '--pre', ...where)
    expect(before.stdout).toContain(
      '\nweft can be installed: weft install --namespace mesh | kubectl --context fake apply -f -\n',
    )
  })

  it('tells of certificates that cannot be read, and of everything else', async () => {
    const garbage = '-----BEGIN CERTIFICATE-----\nnot that\n-----END CERTIFICATE-----\n'
    await using api = await fakeApiServer({
      ...bare,
      'GET /api/v1/namespaces/weft-system/configmaps/weft-trust-bundle': { data: { 'bundle.pem': garbage } },
      'GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector': {
        webhooks: [
          { name: 'inject.weft.dev', clientConfig: { caBundle: Buffer.from(garbage).toString('base64') } },
        ],
      },
    })
    const { status, stdout } = await weft(api.kubeconfig, 'check', '-o', 'json')
    const { findings } = JSON.parse(stdout) as { findings: Finding[] }
    expect(status).toBe(1)
    const garbled = findings.filter(({ message }) => message.includes('cannot be read'))
    expect(garbled.map(({ check, level }) => [check, level])).toEqual([
      ['webhook', 'problem'],
      ['certificates', 'problem'],
    ])
    expect(findings).toContainEqual(expect.objectContaining({ check: 'definitions', level: 'problem' }))
    const overview = await weft(api.kubeconfig, 'status')
    expect(overview.stdout).toContain(
      'not seen: trustBundle: ConfigMap weft-system/weft-trust-bundle has 1 certificate that cannot be read',
    )
  })

  it('says what it may not see', async () => {
    await using api = await fakeApiServer({ ...bare, 'GET /api/v1/pods': 403 })
    const { status, stdout } = await weft(api.kubeconfig, 'check', '--pre')
    expect(status).toBe(0)
    const installed = await weft(api.kubeconfig, 'check')
    expect(stdout + installed.stdout).toContain('unseen   unmeshed: pods cannot be seen: said 403')
    expect(installed.status).toBe(1)
  })

  it('tries its pod where the webhook looks', async () => {
    const labels = (name: string) => ({ 'weft.dev/inject': 'enabled', 'kubernetes.io/metadata.name': name })
    await using api = await fakeApiServer({
      ...bare,
      'GET /api/v1/namespaces': list(
        ...['kube-system', 'monitoring', 'shop'].map((name) => ({
          metadata: { name, labels: labels(name) },
        })),
      ),
      'GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector': {
        webhooks: [
          {
            name: 'inject.weft.dev',
            clientConfig: {},
            namespaceSelector: {
              matchExpressions: [
                { key: 'weft.dev/inject', operator: 'In', values: ['enabled'] },
                { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['monitoring'] },
              ],
            },
          },
        ],
      },
    })
    await weft(api.kubeconfig, 'check')
    expect(api.asked.filter((request) => request.startsWith('POST '))).toEqual([
      'POST /api/v1/namespaces/shop/pods?dryRun=All',
    ])
  })

  it('changes nothing', async () => {
    await using api = await fakeApiServer(bare)
    await weft(api.kubeconfig, 'check')
    const changing = api.asked.filter((request) => !request.startsWith('GET '))
    expect(changing).toEqual(['POST /api/v1/namespaces/shop/pods?dryRun=All'])
  })
})

describe.each(['check', 'status'])('weft %s without a cluster', (command) => {
  it('answers 2 when nobody answers, and names who', async () => {
    await using api = await fakeApiServer(bare)
    const { status, stdout, stderr } = await weft(api.kubeconfig, command, '--context', 'gone')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(
      new RegExp(`^weft ${command}: the API server http://127.0.0.1:1 does not answer: .+\n$`),
    )
  })

  it('answers 2 for a context that is not there, and says which are', async () => {
    await using api = await fakeApiServer(bare)
    const { status, stderr } = await weft(api.kubeconfig, command, '--context', 'prod')
    expect(status).toBe(2)
    expect(stderr).toBe(`weft ${command}: --context prod: the kubeconfig has fake, gone\n`)
  })

  it('answers 2 for a kubeconfig that is not there', async () => {
    const { status, stderr } = await weft('/nowhere', command)
    expect(status).toBe(2)
    expect(stderr).toMatch(new RegExp(`^weft ${command}: the kubeconfig cannot be read: .*/nowhere.*\n$`))
  })
})

function weft(kubeconfig: string, ...args: readonly string[]) {
  return runWeft(args, { env: { KUBECONFIG: kubeconfig } })
}
